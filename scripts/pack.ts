/**
 * Makes a package for npm of the client in `lib/client`, and of the types of
 * API files.
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

/** What `deno pack` leaves out of `package.json`. */
const ABOUT = {
  description:
    "Client of lainlet, which serves the state of a LAIN cluster as responses and live streams",
  repository: {
    type: "git",
    url: "git+https://github.com/laincloud/lainlet.git",
  },
  engines: { node: ">=20.3" },
};

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
for (const main of Object.values(exports)) {
  for (const path of await closureOf(main.replace(/^\.\//, ""), DECLARED)) {
    await write(path, await own(path));
  }
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
await run("deno", "fmt", "--quiet", ".");
await run(
  "deno",
  ...["pack", "--allow-dirty", "--no-source-maps", `--output=../${file}`],
);
await complete(`${output}/${file}`);
console.error(`${output}/${file} is made.`);

function own(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

async function write(path: string, text: string): Promise<void> {
  const full = `${folder}/${path}`;
  await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(full, text);
}

/** Adds {@linkcode ABOUT} to the `package.json` of a tarball. */
async function complete(tarball: string): Promise<void> {
  const work = await Deno.makeTempDir({ prefix: "lainlet-pack-" });
  try {
    const path = await Deno.realPath(tarball);
    await run("tar", "-xzf", path, "-C", work);
    const manifest = `${work}/package/package.json`;
    const packed = JSON.parse(await Deno.readTextFile(manifest));
    await Deno.writeTextFile(
      manifest,
      JSON.stringify({ ...packed, ...ABOUT }, null, 2) + "\n",
    );
    await run(
      "tar",
      ...["-czf", path, "--owner=0", "--group=0", "--sort=name"],
      ...["--mtime=@0", "-C", work, "package"],
    );
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Runs a program in the folder; ends this one when that fails. */
async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args,
    cwd: folder,
  }).output();
  if (success) return;
  console.error(
    `pack: ${command} ${args[0]} failed\n${new TextDecoder().decode(stderr)}`,
  );
  Deno.exit(1);
}
