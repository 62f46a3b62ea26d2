/**
 * Prints how much of each module the unit tests cover, those of `tests/lib` and
 * `tests/apis`. What runs as a separate process (`main.ts`, workers, the
 * command line) is tested in `tests/e2e`, which is not counted.
 *
 *     deno task coverage
 *
 * Ends with 1 when a test fails, or when less than 95% of the lines of a
 * critical module are covered.
 *
 * @module
 */
import { scriptOptions } from "../lib/flags.ts";
import { ensurePrograms, TEST_FLAGS } from "./setup.ts";

/** In percent. */
const MIN_LINES = 95;
const CRITICAL = ["lib/access", "lib/broadcast", "lib/store"];

/** Tasks run in the root of the repository. */
const ROOT = `${Deno.cwd()}/`;

interface Counts {
  lines: number;
  linesHit: number;
  branches: number;
  branchesHit: number;
}

async function deno(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("deno", { args })
    .output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  console.error(decoder.decode(stdout) + decoder.decode(stderr));
  Deno.exit(1);
}

/** Returns the module of a file: a folder of `lib`, `lib` itself or `apis`; undefined: no module. */
function moduleOf(path: string): string | undefined {
  return /^(lib\/[^/]+(?=\/)|lib|apis)/.exec(path)?.[0];
}

/** The counts by module in an lcov tracefile, see geninfo(1). */
function byModule(tracefile: string): Map<string, Counts> {
  const modules = new Map<string, Counts>();
  for (const record of tracefile.split("end_of_record")) {
    const [, path = ""] = /^SF:(.+)$/m.exec(record) ?? [];
    const module = moduleOf(path.replace(ROOT, ""));
    if (module === undefined) continue;
    const count = (name: string) =>
      Number(new RegExp(`^${name}:(\\d+)$`, "m").exec(record)?.[1] ?? 0);
    const counts = modules.get(module) ??
      { lines: 0, linesHit: 0, branches: 0, branchesHit: 0 };
    counts.lines += count("LF");
    counts.linesHit += count("LH");
    counts.branches += count("BRF");
    counts.branchesHit += count("BRH");
    modules.set(module, counts);
  }
  return modules;
}

function percent(hit: number, all: number): number {
  return all === 0 ? 100 : Math.floor(1000 * hit / all) / 10;
}

scriptOptions({
  name: "coverage",
  summary: "Prints how much of each module the unit tests cover.",
}, () => {});
await ensurePrograms(["etcd", "etcdctl"]);
const folder = await Deno.makeTempDir({ prefix: "lainlet-coverage-" });
try {
  await deno(
    "test",
    "--parallel",
    `--coverage=${folder}`,
    ...TEST_FLAGS,
    "tests/lib",
    "tests/apis",
  );
  const modules = byModule(await deno("coverage", "--lcov", folder));
  console.log(`${"module".padEnd(16)}  lines  branches`);
  for (const [module, counts] of [...modules].sort()) {
    const lines = percent(counts.linesHit, counts.lines);
    const branches = percent(counts.branchesHit, counts.branches);
    const isLow = CRITICAL.includes(module) && lines < MIN_LINES;
    if (isLow) Deno.exitCode = 1;
    console.log(
      `${module.padEnd(16)} ${`${lines}%`.padStart(6)} ${
        `${branches}%`.padStart(9)
      }${isLow ? `  less than ${MIN_LINES}%` : ""}`,
    );
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
