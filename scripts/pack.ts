/**
 * Makes a package for npm of the client in `lib/client`.
 *
 *     deno task pack [--output FOLDER]
 *
 * What the package is made of is left beside it, in `client`: `deno publish`
 * takes that folder.
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };
import * as apis from "../apis/mod.ts";
import { scriptOptions } from "../lib/flags.ts";
import { closureOf } from "./imports.ts";
import { declaredTypes } from "./pack/declared.ts";

const ROOT = new URL("../", import.meta.url);

const { name, version, license, exports } = config;

/** What is made here, and not copied: it knows the whole of lainlet. */
const DECLARED = "lib/client/declared.ts";

/** Other files of the package, and where they come from. */
const OTHERS = { "README.md": "lib/client/README.md", "LICENSE": "LICENSE" };

const output = scriptOptions({
  name: "pack",
  summary: "Makes a package for npm of the client in lib/client.",
  flags: [{
    name: "output",
    value: "FOLDER",
    help: "where it is written (default dist)",
  }],
}, ({ given }) => given("output") ?? "dist");
const folder = `${output}/client`;
await Deno.mkdir(output, { recursive: true });
await Deno.remove(folder, { recursive: true }).catch(() => {});
for (const path of await closureOf(exports.replace(/^\.\//, ""), DECLARED)) {
  await write(path, await own(path));
}
await write(DECLARED, declaredTypes(Object.values(apis)));
for (const [to, from] of Object.entries(OTHERS)) {
  await write(to, await own(from));
}
await write(
  "deno.json",
  JSON.stringify({ name, version, license, exports }, null, 2) + "\n",
);
const file = `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
await deno("fmt", "--quiet", ".");
await deno("pack", "--allow-dirty", "--no-source-maps", `--output=../${file}`);
console.error(`${output}/${file} is made.`);

function own(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

async function write(path: string, text: string): Promise<void> {
  const full = `${folder}/${path}`;
  await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(full, text);
}

/** Runs Deno on the folder; ends this program when that fails. */
async function deno(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("deno", {
    args,
    cwd: folder,
  }).output();
  if (success) return;
  console.error(
    `pack: deno ${args[0]} failed\n${new TextDecoder().decode(stderr)}`,
  );
  Deno.exit(1);
}
