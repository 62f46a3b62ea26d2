/**
 * Makes one tree of JavaScript of `main.ts` and all that it imports, for the
 * compiler: a runtime that is given TypeScript and packages keeps their texts,
 * maps and tables in memory, 26 MB of them.
 *
 * Modules that are imported on demand stay in separate files. Names stay, as
 * stack traces in the log contain them. The same sources in the same place give
 * the same bytes.
 *
 * @module
 */
import { relative } from "node:path";
import { definitions } from "./definitions.ts";
import { licenses, type Package } from "./licenses.ts";

/** The folder in which the compiler finds the tree. */
export const BUNDLE = "dist/bundle";

/** The program, and the module of the threads that serve beside it. */
const ENTRIES = ["main.ts", "lib/http/worker.ts"];

/** The dashboard, which is read and not imported, as `deno task build` made it. */
const DASHBOARD = "lib/ui/main.tsx";
const FILES = [
  "lib/ui/index.html",
  "lib/ui/refused.html",
  "lib/ui/dist/main.css",
  "lib/ui/dist/main.js",
  "lib/ui/dist/worker.js",
];

/** The tree's file with the licenses of the packages in it. */
export const LICENSES = "THIRD_PARTY_LICENSES";

/** What is to be compiled, by paths in a tree. */
export interface Bundle {
  readonly main: string;
  /** What nothing imports. */
  readonly included: readonly string[];
}

/** What `deno info` says of a module and what it imports. */
interface Info {
  readonly modules: readonly { readonly npmPackage?: string }[];
  /** All packages that are known, by `name@version`. */
  readonly npmPackages: Readonly<
    Record<
      string,
      { readonly localPath: string; readonly dependencies: readonly string[] }
    >
  >;
}

/**
 * Makes the tree. It takes its place when it is whole, as others may read what
 * is there.
 *
 * @param folder where; what is there goes
 * @throws {Error} with what the bundler says, or that a source is not as it was
 */
export async function bundle(folder: string): Promise<Bundle> {
  const [made, old] = [`${folder}.new`, `${folder}.old`];
  const remove = (path: string) =>
    Deno.remove(path, { recursive: true }).catch(() => {});
  await remove(made);
  const bundle = await make(made);
  await remove(old);
  await Deno.rename(folder, old).catch(() => {});
  await Deno.rename(made, folder);
  await remove(old);
  return bundle;
}

/** Makes the tree in a folder that does not exist. */
async function make(folder: string): Promise<Bundle> {
  const js = `${folder}/js`;
  await deno(
    "bundle",
    "--quiet",
    "--code-splitting",
    `--outdir=${js}`,
    ...ENTRIES,
  );
  const info: Info = JSON.parse(await deno("info", "--json", DASHBOARD));
  const packages = Object.entries(info.npmPackages)
    .map(([id, { localPath: folder }]) => ({
      id,
      folder,
      modules: new Set<string>(),
    }));
  await finish(js, packages);
  for (const path of FILES) {
    const copy = `${folder}/${path}`;
    await Deno.mkdir(copy.slice(0, copy.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(path, copy);
  }
  const shown = importedBy(info);
  const inside = packages.filter(({ id, modules }) =>
    modules.size > 0 || shown.has(id)
  );
  await Deno.writeTextFile(`${folder}/${LICENSES}`, await licenses(inside));
  return {
    main: "js/main.js",
    included: ["js/lib/http/worker.js", LICENSES, ...FILES],
  };
}

/**
 * Makes the scripts as they are to be: packages are known by name and version,
 * not by where this machine has them, what modules look for beside themselves
 * is where it is now, and a start loads no more than it needs.
 *
 * @param packages which may be in them; their modules that are get added
 */
async function finish(
  js: string,
  packages: readonly (Package & { readonly modules: Set<string> })[],
): Promise<void> {
  const etcd3 = packages.find(({ id }) => id.startsWith("etcd3@"));
  const changes: readonly (readonly [before: string, after: string])[] = [
    ['new URL("./worker.ts"', 'new URL("./lib/http/worker.js"'],
    // Packages require modules of Node.js and nothing else. What could require
    // more takes 11 ms of each start.
    [
      'import { createRequire as __deno_internal_createRequire } from "node:module";',
      "",
    ],
    [
      "__deno_internal_createRequire(import.meta.url)",
      "process.getBuiltinModule",
    ],
    [
      "loadSync)(`${__dirname}/../proto/rpc.proto`",
      `fromJSON)(${definitions(`${etcd3?.folder}/proto/rpc.proto`)}`,
    ],
  ];
  let count = 0;
  for (const path of await scripts(js)) {
    let text = await Deno.readTextFile(path);
    for (const { id, folder, modules } of packages) {
      const place = RegExp.escape(`${relative(Deno.cwd(), folder)}/`);
      text = text.replace(new RegExp(`${place}([^"\n]+)`, "g"), (_, module) => {
        modules.add(module);
        return `npm:${id}/${module}`;
      });
    }
    for (const [before, after] of changes) {
      const parts = text.split(before);
      count += parts.length - 1;
      text = parts.join(after);
    }
    await Deno.writeTextFile(path, text);
  }
  if (count !== changes.length) {
    throw new Error("what is changed in the bundle is not as it was");
  }
}

/** The scripts in a folder. */
async function scripts(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await scripts(path));
    else found.push(path);
  }
  return found;
}

/** The packages that some modules import, and those that these need, by `name@version`. */
function importedBy({ modules, npmPackages }: Info): Set<string> {
  const ids = new Set<string>();
  const add = (id: string) => {
    if (ids.has(id)) return;
    ids.add(id);
    npmPackages[id]?.dependencies.forEach(add);
  };
  for (const { npmPackage } of modules) {
    if (npmPackage !== undefined) add(npmPackage);
  }
  return ids;
}

/** Runs Deno. @returns what it writes @throws {Error} with what it says when it fails */
async function deno(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("deno", { args })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
