/** A package of which something is passed on. */
export interface Package {
  /** `name@version` */
  readonly id: string;
  readonly folder: string;
  /** The modules that are passed on, by their paths in the folder, as far as they are known. */
  readonly modules: ReadonlySet<string>;
}

/** How the file that holds a package's license may be called. */
const NAME = /^(licen[cs]e|copying|notice)(\.|$)/i;

/** What a module may begin with: comments. */
const COMMENTS = /^(?:#!.*\n)?(?:\s*(?:\/\/.*\n|\/\*[^]*?\*\/))+/;

/**
 * The licenses of packages, in the order of their names: each text once, after
 * all those that it is for.
 *
 * @throws {Error} when a package says nothing of its license
 */
export async function licenses(packages: readonly Package[]): Promise<string> {
  const owners = new Map<string, Set<string>>();
  for (const one of packages.toSorted((a, b) => a.id < b.id ? -1 : 1)) {
    const { license } = JSON.parse(
      await Deno.readTextFile(`${one.folder}/package.json`),
    );
    const text = await licenseOf(one);
    const known = owners.get(text) ?? new Set();
    owners.set(text, known.add(`${one.id} (${license})`));
  }
  return owners.entries()
    .map(([text, ids]) => `${[...ids].join("\n")}\n\n${text}\n`)
    .toArray().join(`\n${"-".repeat(80)}\n\n`);
}

/** The files that a package has for that; without any, what its modules begin with. */
async function licenseOf({ id, folder, modules }: Package): Promise<string> {
  const texts = new Set<string>();
  for await (const { name } of Deno.readDir(folder)) {
    if (!NAME.test(name)) continue;
    texts.add(await Deno.readTextFile(`${folder}/${name}`));
  }
  if (texts.size === 0) {
    for (const path of modules) {
      const text = await Deno.readTextFile(`${folder}/${path}`);
      const [comments = ""] = COMMENTS.exec(text) ?? [];
      if (/copyright/i.test(comments)) texts.add(comments);
    }
  }
  if (texts.size === 0) throw new Error(`${id} has no license text`);
  return [...texts].map((text) => text.trim()).sort().join("\n\n");
}
