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
import { integerFlag, scriptOptions } from "../lib/flags.ts";
import { FAULTS } from "../tests/simulation/faults.ts";
import { failures, knownSeeds, story } from "../tests/simulation/processes.ts";

/** How many failures are printed. */
const SHOWN = 10;

const options = scriptOptions(
  {
    name: "simulate",
    summary: "Runs lainlet in simulated time against a simulated etcd, with " +
      "faults that a seed decides: see tests/simulation/README.md.",
    flags: [
      { name: "seeds", value: "N", help: "how many seeds (default 1000)" },
      {
        name: "first",
        value: "SEED",
        help: "the first of them (default: another one each time, and before " +
          "it those that failed once)",
      },
      { name: "seed", value: "SEED", help: "only this one, and its story" },
      {
        name: "faults",
        help: "put faults into the code, and find each of them " +
          "(--seeds: in 500 by default)",
      },
    ],
  },
  ({ given }) => {
    const count = (name: string, standard: number) =>
      integerFlag(given, name, standard, 1, Number.MAX_SAFE_INTEGER);
    const isFaults = given("faults") !== undefined;
    return {
      isFaults,
      seeds: count("seeds", isFaults ? 500 : 1_000),
      first: given("first") && count("first", 1),
      seed: given("seed") && count("seed", 1),
    };
  },
);
if (options.seed) {
  const { isGood, text } = await story(options.seed);
  console.log(text);
  Deno.exit(isGood ? 0 : 1);
}
if (options.isFaults) {
  const most = options.seeds;
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
const { seeds: count } = options;
const first = options.first || Date.now() % 1e9 + 1;
const begin = performance.now();
const known = options.first ? [] : await knownSeeds();
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
