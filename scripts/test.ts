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

/** Where tests wait most: they begin first, so that short ones fill the end. */
const FIRST = /^tests\/(e2e|pages|simulation|lib\/store)\//;

/** Files at a time for each core, as many wait most of the time; and at most. */
const FILES_PER_CORE = 3;
const MAX_FILES = 12;

/** What starts the executable imports this. */
const STARTS_EXECUTABLE = "tests/util/lainlet_process.ts";

/** What serves the dashboard imports this; it reads what `deno task build` makes. */
const SERVES_DASHBOARD = "apis/dashboard.ts";

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
  const jobs = FILES_PER_CORE * navigator.hardwareConcurrency;
  return (await new Deno.Command("deno", {
    args: [...args],
    env: { DENO_JOBS: String(Math.min(MAX_FILES, jobs)) },
    stdout: output,
    stderr: output,
  }).spawn().status).code;
}

/** Runs a task; ends this process when that fails. */
async function task(...args: readonly string[]): Promise<void> {
  const code = await deno(["task", "--quiet", ...args]);
  if (code !== 0) Deno.exit(code);
}

/** Makes what some tests need. */
async function make(files: readonly string[]): Promise<void> {
  const imported = new Set<string>();
  for (const file of files) await closureOf(file, undefined, imported);
  if (imported.has(STARTS_EXECUTABLE)) {
    // Deno's own runtime cannot be fetched everywhere.
    if (await deno(["task", "compile"], true) === 0) return;
    await task("compile", "--runtime=npm");
  } else if (imported.has(SERVES_DASHBOARD)) await task("build");
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
await make(files);
const [first = [], rest = []] = [true, false].map((isFirst) =>
  files.filter((file) => FIRST.test(file) === isFirst)
);
const parallel = files.length > 1 ? ["--parallel"] : [];
Deno.exit(
  await deno([
    "test",
    // Types are not tests: `deno task check` checks them.
    "--no-check",
    ...parallel,
    ...TEST_FLAGS,
    ...flags,
    ...first,
    ...rest,
  ]),
);
