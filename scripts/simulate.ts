/**
 * Runs lainlet in simulated time against a simulated store, with faults that a
 * seed decides: see tests/simulation/README.md.
 *
 *     deno task simulate [--seeds=1000] [--first=SEED]   many seeds, and those that failed before
 *     deno task simulate --seed=SEED                     one seed, and its story
 *     deno task simulate --faults [--seeds=500]          faults that are put into the code
 *
 * Exits with 1 when a run fails, or a fault is not found.
 *
 * @module
 */
import { integerFlag, scriptOptions, UsageError } from "../lib/flags.ts";
import { FAULTS } from "../tests/simulation/faults.ts";
import {
  type Failed,
  failures,
  knownRuns,
  MAX_SEED,
  runsOf,
  STORES,
  story,
} from "../tests/simulation/processes.ts";

/** The number of seeds that are tried at once to find a fault. */
const AT_ONCE = 30;

/** The maximal number of failures that are printed. */
const MAX_SHOWN = 10;

const options = scriptOptions(
  {
    name: "simulate",
    summary: "Runs lainlet in simulated time against a simulated store, with " +
      "faults that a seed decides: see tests/simulation/README.md.",
    flags: [
      {
        name: "store",
        value: "STORE",
        help: `one of ${STORES.join(", ")} (default: all; with --seed: ` +
          `${STORES[0]})`,
      },
      {
        name: "seeds",
        value: "N",
        help: "how many runs, shared among the stores (default 1000)",
      },
      {
        name: "first",
        value: "SEED",
        help: "the first of consecutive seeds (default: a new one each time, " +
          "after the seeds that failed before)",
      },
      {
        name: "seed",
        value: "SEED",
        help: "run this seed only, and print its story; if it fails, " +
          "shortened to the operations that it needs",
      },
      {
        name: "faults",
        help: "test the simulation: put known faults into the code, one at a " +
          "time, and try up to N seeds (default 500) until each is found",
      },
    ],
  },
  ({ given }) => {
    const number = (name: string, standard: number, max = MAX_SEED) =>
      integerFlag(given, name, standard, 1, max);
    const isFaults = given("faults") !== undefined;
    const name = given("store");
    const stores = STORES.filter((one) => name === undefined || one === name);
    if (stores.length === 0) {
      throw new UsageError(`--store must be one of ${STORES.join(", ")}`);
    }
    const seeds = number("seeds", isFaults ? 500 : 1_000);
    const lastFirst = MAX_SEED + 1 - Math.ceil(seeds / stores.length);
    return {
      stores,
      isFaults,
      seeds,
      first: given("first") && number("first", 1, lastFirst),
      seed: given("seed") && number("seed", 1),
    };
  },
);
const { stores, seeds: count } = options;
if (options.seed) {
  const [store = STORES[0]] = stores;
  const { isGood, text } = await story({ store, seed: options.seed });
  console.log(text);
  Deno.exit(isGood ? 0 : 1);
}
if (options.isFaults) {
  let isGood = true;
  for (const fault of FAULTS) {
    const { name, store = STORES[0] } = fault;
    if (!stores.includes(store)) continue;
    let first: Failed | undefined;
    for (let seed = 1; seed <= count && first === undefined; seed += AT_ONCE) {
      const most = Math.min(AT_ONCE, count + 1 - seed);
      const runs = runsOf([store], seed, most);
      [first] = await failures(runs, { until: 1, fault });
    }
    if (first === undefined) isGood = false;
    const found = first === undefined
      ? `not found in ${count} seeds`
      : `seed ${first.seed}: ${first.kind}`;
    console.log(`${store}: ${name}: ${found}`);
  }
  Deno.exit(isGood ? 0 : 1);
}
const first = options.first || Date.now() % 1e9 + 1;
console.log(`${count} runs, from seed ${first} on`);
const begin = performance.now();
const known = options.first ? [] : await knownRuns(stores);
const runs = [...known, ...runsOf(stores, first, count)];
let [ended, found] = [0, 0];
const failed = await failures(runs, {
  onEnd(failure) {
    ended++;
    if (failure !== null && ++found <= MAX_SHOWN) {
      showProgress("");
      const { store, seed, message } = failure;
      console.log(`${store}, seed ${seed}: ${message}`);
    }
    showProgress(`${ended} of ${runs.length}, ${found} failed`);
  },
});
showProgress("");
const seconds = ((performance.now() - begin) / 1000).toFixed(0);
console.log(
  `${count} runs, and ${known.length} that failed before: ` +
    `${failed.length} failed, ${seconds} s`,
);
if (failed.length > 0) {
  console.log("Its story: deno task simulate --seed=SEED --store=STORE");
}
Deno.exit(failed.length === 0 ? 0 : 1);

/** Replaces the last line of a terminal; prints nothing to a file. */
function showProgress(text: string): void {
  if (!Deno.stdout.isTerminal()) return;
  Deno.stdout.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}
