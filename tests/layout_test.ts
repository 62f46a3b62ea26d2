import { assert, assertEquals } from "@std/assert";
import { importsOf } from "../scripts/imports.ts";

const ROOT = new URL("..", import.meta.url);

async function filesOf(repository: URL): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "--cached", "--others", "--exclude-standard"],
    cwd: repository,
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

/** The floor of each room, by the table in `lib/README.md`. */
async function readFloors(): Promise<ReadonlyMap<string, number>> {
  const page = await Deno.readTextFile(new URL("lib/README.md", ROOT));
  return new Map(
    [...page.matchAll(/^\| (\d+) +\| `([\w./]+)` /gm)]
      .map(([, floor, room = ""]) => [room, Number(floor)]),
  );
}

/** What each module of the program imports of the others, types too. */
async function readImports(): Promise<ReadonlyMap<string, readonly string[]>> {
  const modules = (await filesOf(ROOT))
    .filter((path) => /^(main|apis\/.+|lib\/.+)\.tsx?$/.test(path));
  return new Map(
    await Promise.all(
      modules.map(async (path) => [path, await importsOf(path)] as const),
    ),
  );
}

/** The room of a file: a folder of `lib`, `lib` itself, `apis`, or `main.ts`. */
function roomOf(path: string): string {
  const [first = "", second, third] = path.split("/");
  return first === "lib" && third !== undefined ? `${first}/${second}` : first;
}

Deno.test("each room knows only those under it", async () => {
  const floors = await readFloors();
  const imports = await readImports();
  const rooms = new Set([...imports.keys()].map(roomOf));
  assertEquals([...floors.keys()].sort(), [...rooms].sort());
  for (const [path, imported] of imports) {
    const room = roomOf(path);
    for (const to of imported) {
      const isLower = (floors.get(room) ?? 0) > (floors.get(roomOf(to)) ?? 99);
      assert(room === roomOf(to) || isLower, `${path} reaches up to ${to}`);
    }
  }
});

Deno.test("no signal is followed by AbortSignal.any, which leaves something on it", async () => {
  for (const path of (await readImports()).keys()) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    assert(!text.includes("AbortSignal.any("), `${path}: see lib/abort.ts`);
  }
});

Deno.test("no files import each other in a circle", async () => {
  const imports = await readImports();
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]) => {
    assert(!way.includes(path), `a circle: ${[...way, path].join(" → ")}`);
    if (done.has(path)) return;
    for (const to of imports.get(path) ?? []) visit(to, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
});

Deno.test("the top level is what it is meant to be", async () => {
  const names = (await filesOf(ROOT)).map((path) => path.split("/")[0]);
  assertEquals([...new Set(names)].sort(), [
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "apis",
    "deno.json",
    "deno.lock",
    "lib",
    "main.ts",
    "scripts",
    "tests",
  ]);
});

Deno.test("a checkout may lie in a folder with a space: no path is that of a URL", async () => {
  for (const path of await filesOf(ROOT)) {
    if (!/\.tsx?$/.test(path)) continue;
    const text = await Deno.readTextFile(new URL(path, ROOT));
    assert(
      !/import\.meta\.url\)\s*\.pathname/.test(text),
      `${path}: import.meta.dirname is a path, the pathname of a URL is not`,
    );
  }
});

Deno.test("nothing reads outside the checkout", async () => {
  for (const path of await filesOf(ROOT)) {
    if (!/\.(tsx?|json|sh)$|^\.ci\//.test(path)) continue;
    const text = await Deno.readTextFile(new URL(path, ROOT));
    for (const [, to = ""] of text.matchAll(/"((?:\.\.\/)+[^"]*)"/g)) {
      const { pathname } = new URL(to, new URL(path, ROOT));
      assert(pathname.startsWith(ROOT.pathname), `${path} reads ${to}`);
    }
  }
});
