/**
 * What modules of this repository import of each other.
 *
 * @module
 */
import { posix } from "node:path";

/** An import or export declaration, the end of one, or an `import()`. */
const IMPORT =
  /(?:^(?:import|export|\})[^"\n]*|\bimport\()"(\.{1,2}\/[^"]+\.tsx?)"/gm;

const ROOT = new URL("../", import.meta.url);

/**
 * Returns what a module imports of this repository, types and `import()` too.
 *
 * @param path relative to the repository, as those that are returned
 */
export async function importsOf(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(urlOf(path));
  const paths = [...text.matchAll(IMPORT)]
    .map(([, to = ""]) => posix.join(posix.dirname(path), to));
  const areThere = await Promise.all(paths.map(isFile));
  // A program that a test holds as a text has other modules beside it.
  return paths.filter((_, i) => areThere[i]);
}

/**
 * Returns a module and everything that it imports, directly and indirectly.
 *
 * @param omitted is not in it, nor what only that imports
 */
export async function closureOf(
  path: string,
  omitted?: string,
  found: Set<string> = new Set(),
): Promise<Set<string>> {
  if (path === omitted || found.has(path)) return found;
  found.add(path);
  for (const to of await importsOf(path)) await closureOf(to, omitted, found);
  return found;
}

function isFile(path: string): Promise<boolean> {
  return Deno.stat(urlOf(path)).then(({ isFile }) => isFile, () => false);
}

function urlOf(path: string): URL {
  return new URL(encodeURI(path), ROOT);
}
