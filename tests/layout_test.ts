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

/** The layer of each module, by the table in `lib/README.md`. */
async function readLayers(): Promise<ReadonlyMap<string, number>> {
  const page = await Deno.readTextFile(new URL("lib/README.md", ROOT));
  return new Map(
    [...page.matchAll(/^\| (\d+) +\| `([\w./]+)` /gm)]
      .map(([, layer, module = ""]) => [module, Number(layer)]),
  );
}

/** What each file of the program imports of the others, types too. */
async function readImports(): Promise<ReadonlyMap<string, readonly string[]>> {
  const files = (await filesOf(ROOT))
    .filter((path) => /^(main|apis\/.+|lib\/.+)\.tsx?$/.test(path));
  return new Map(
    await Promise.all(
      files.map(async (path) => [path, await importsOf(path)] as const),
    ),
  );
}

/** The module of a file: a folder of `lib`, `lib` itself, `apis`, or `main.ts`. */
function moduleOf(path: string): string {
  const [first = "", second, third] = path.split("/");
  return first === "lib" && third !== undefined ? `${first}/${second}` : first;
}

Deno.test("a module imports only from modules of lower layers", async () => {
  const layers = await readLayers();
  const imports = await readImports();
  const modules = new Set([...imports.keys()].map(moduleOf));
  assertEquals([...layers.keys()].sort(), [...modules].sort());
  for (const [path, imported] of imports) {
    const module = moduleOf(path);
    for (const to of imported) {
      const isLower =
        (layers.get(module) ?? 0) > (layers.get(moduleOf(to)) ?? 99);
      assert(module === moduleOf(to) || isLower, `${path} reaches up to ${to}`);
    }
  }
});

Deno.test("no signal is followed by AbortSignal.any, which leaves something on it", async () => {
  for (const path of (await readImports()).keys()) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    assert(!text.includes("AbortSignal.any("), `${path}: see lib/abort.ts`);
  }
});

Deno.test("no import cycles exist", async () => {
  const imports = await readImports();
  const done = new Set<string>();
  const visit = (path: string, visited: readonly string[]) => {
    assert(
      !visited.includes(path),
      `a cycle: ${[...visited, path].join(" → ")}`,
    );
    if (done.has(path)) return;
    for (const to of imports.get(path) ?? []) visit(to, [...visited, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
});

Deno.test("the top level has the expected files", async () => {
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
