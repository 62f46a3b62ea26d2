/**
 * Prints how much of each room the tests that run in one process go through:
 * those of `tests/lib` and `tests/apis`. What runs as a process of its own
 * (`main.ts`, workers, the command line) is tested in `tests/e2e`, uncounted.
 *
 *     deno task coverage
 *
 * Ends with 1 when a test fails, or less than 95% of the lines are covered of a
 * room where a fault would hurt most.
 *
 * @module
 */
import { scriptOptions } from "../lib/flags.ts";
import { ensurePrograms, TEST_FLAGS } from "./setup.ts";

/** In percent. */
const LEAST = 95;
const CRITICAL = ["lib/access", "lib/broadcast", "lib/store"];

const ROOT = `${import.meta.dirname}/../`;

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

/** A folder of `lib`, `lib` itself, `apis`; undefined: none of the program. */
function roomOf(path: string): string | undefined {
  return /^(lib\/[^/]+(?=\/)|lib|apis)/.exec(path)?.[0];
}

/** The counts by room in an lcov tracefile, see geninfo(1). */
function byRoom(tracefile: string): Map<string, Counts> {
  const rooms = new Map<string, Counts>();
  for (const record of tracefile.split("end_of_record")) {
    const [, path = ""] = /^SF:(.+)$/m.exec(record) ?? [];
    const room = roomOf(path.replace(ROOT, ""));
    if (room === undefined) continue;
    const count = (name: string) =>
      Number(new RegExp(`^${name}:(\\d+)$`, "m").exec(record)?.[1] ?? 0);
    const counts = rooms.get(room) ??
      { lines: 0, linesHit: 0, branches: 0, branchesHit: 0 };
    counts.lines += count("LF");
    counts.linesHit += count("LH");
    counts.branches += count("BRF");
    counts.branchesHit += count("BRH");
    rooms.set(room, counts);
  }
  return rooms;
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
  const rooms = byRoom(await deno("coverage", "--lcov", folder));
  console.log(`${"room".padEnd(16)}  lines  branches`);
  for (const [room, counts] of [...rooms].sort()) {
    const lines = percent(counts.linesHit, counts.lines);
    const branches = percent(counts.branchesHit, counts.branches);
    const isPoor = CRITICAL.includes(room) && lines < LEAST;
    if (isPoor) Deno.exitCode = 1;
    console.log(
      `${room.padEnd(16)} ${`${lines}%`.padStart(6)} ${
        `${branches}%`.padStart(9)
      }${isPoor ? `  less than ${LEAST}%` : ""}`,
    );
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
