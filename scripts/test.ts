/**
 * Runs tests.
 *
 *     deno task test [--filter TEXT] [--fail-fast] [FILE|FOLDER]...
 *
 * Without a file it runs all of them, and first installs the programs that
 * they need. It compiles the executable if one of the tests starts it.
 *
 * @module
 */
import { scriptOptions } from "../lib/flags.ts";
import { closureOf } from "./imports.ts";
import { ensurePrograms, TEST_FLAGS } from "./setup.ts";

/** Tests that need both cores, and slow the others down: they come last. */
const ALONE = ["tests/e2e/hostile_server_test.ts"];

/** Whatever starts the executable imports this. */
const STARTS_EXECUTABLE = "tests/util/lainlet_process.ts";

function fail(message: string, code: number): never {
  console.error(`test: ${message}`);
  Deno.exit(code);
}

/** Returns the tests in a file or folder, by paths relative to the repository. */
async function testsIn(path: string): Promise<string[]> {
  const { isDirectory } = await Deno.stat(path)
    .catch(() => fail(`no such file or folder: ${path}`, 2));
  if (!isDirectory) return [path];
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    const inside = `${path}/${name}`;
    if (isDirectory) found.push(...await testsIn(inside));
    else if (/_test\.tsx?$/.test(name)) found.push(inside);
  }
  return found.sort();
}

/** Runs Deno. @returns its exit code */
async function deno(args: readonly string[], isQuiet = false): Promise<number> {
  const output = isQuiet ? "null" : "inherit";
  return (await new Deno.Command("deno", {
    args: [...args],
    // Many tests wait most of the time.
    env: { DENO_JOBS: "4" },
    stdout: output,
    stderr: output,
  }).spawn().status).code;
}

async function compile(): Promise<void> {
  const ways = [["task", "compile"], ["task", "compile", "--runtime=npm"]];
  for (const [i, way] of ways.entries()) {
    if (await deno(way, i < ways.length - 1) === 0) return;
  }
  Deno.exit(1);
}

/** Whether one of some tests starts the executable. */
async function startExecutable(files: readonly string[]): Promise<boolean> {
  for (const file of files) {
    if ((await closureOf(file)).has(STARTS_EXECUTABLE)) return true;
  }
  return false;
}

const { named, flags } = scriptOptions({
  name: "test",
  summary: "Runs the tests in some files or folders; without any all tests, " +
    "for which it installs the programs that they need. It compiles the " +
    "executable if one of the tests starts it.",
  argument: "[FILE|FOLDER]...",
  flags: [
    {
      name: "filter",
      value: "TEXT",
      help: "only tests with this in their names; /TEXT/ is an expression",
    },
    { name: "fail-fast", help: "end after the first test that fails" },
  ],
}, ({ given, positional }) => ({
  named: positional.map((path) => path.replace(/^\.\/|\/$/g, "")),
  flags: ["filter", "fail-fast"].flatMap((name) => {
    const value = given(name);
    if (value === undefined) return [];
    return [value === "true" ? `--${name}` : `--${name}=${value}`];
  }),
}));
if (named.length === 0) {
  await ensurePrograms().catch(({ message }: Error) => fail(message, 1));
}
const files = (await Promise.all((named.length > 0 ? named : ["tests"])
  .map(testsIn))).flat();
if (await startExecutable(files)) await compile();
let code = 0;
for (
  const group of [
    files.filter((file) => !ALONE.includes(file)),
    files.filter((file) => ALONE.includes(file)),
  ]
) {
  if (group.length === 0) continue;
  const parallel = group.length > 1 ? ["--parallel"] : [];
  // Types are not tests: `deno task check` checks them.
  const args = ["test", "--no-check", ...parallel, ...TEST_FLAGS, ...flags];
  code = Math.max(code, await deno([...args, ...group]));
}
Deno.exit(code);
