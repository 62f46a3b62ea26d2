/**
 * Runs lainlet in simulated time against a simulated etcd, with faults that a
 * seed decides: see tests/simulation/README.md.
 *
 *     deno task simulate [--seeds=1000] [--first=SEED]   many seeds, and those that failed once
 *     deno task simulate --seed=SEED                     one, and its story
 *     deno task simulate --faults [--seeds=500]          faults that are put into the code
 *
 * Ends with 1 when something does not hold, or a fault is not found.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { FAULTS } from "../tests/simulation/faults.ts";
import { failures, knownSeeds, story } from "../tests/simulation/processes.ts";

/** How many failures are printed. */
const SHOWN = 10;

function usage(message: string): never {
  console.error(`simulate: ${message}`);
  Deno.exit(2);
}

function whole(name: string, text: unknown): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  usage(`--${name} must be a whole number above 0`);
}

const args = parseArgs(Deno.args, {
  string: ["seed", "seeds", "first"],
  boolean: ["faults"],
  alias: {},
  unknown: (arg) => usage(`unknown argument ${arg}`),
});
if (args.seed !== undefined) {
  const { isGood, text } = await story(whole("seed", args.seed));
  console.log(text);
  Deno.exit(isGood ? 0 : 1);
}
if (args.faults) {
  const most = whole("seeds", args.seeds ?? "500");
  let isGood = true;
  for (const fault of FAULTS) {
    const [first] = await failures({ first: 1, count: most, until: 1, fault });
    if (first === undefined) isGood = false;
    const found = first === undefined
      ? `not found in ${most} seeds`
      : `seed ${first.seed}: ${first.kind}`;
    console.log(`${fault.name}: ${found}`);
  }
  Deno.exit(isGood ? 0 : 1);
}
const count = whole("seeds", args.seeds ?? "1000");
const first = args.first === undefined
  ? Date.now() % 1e9 + 1
  : whole("first", args.first);
const begin = performance.now();
const known = args.first === undefined ? await knownSeeds() : [];
const failed = await failures({ first, count, known });
for (const { seed, message } of failed.slice(0, SHOWN)) {
  console.log(`seed ${seed}: ${message}`);
}
const seconds = ((performance.now() - begin) / 1000).toFixed(0);
console.log(
  `${count} seeds from ${first} on, and ${known.length} that failed once: ` +
    `${failed.length} failed, ${seconds} s`,
);
if (failed.length > 0) {
  console.log("Its story: deno task simulate --seed=SEED");
}
Deno.exit(failed.length === 0 ? 0 : 1);
