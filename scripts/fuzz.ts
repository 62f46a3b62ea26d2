/**
 * Tries lainlet with whatever may come: requests, what they cost, values in
 * the store, event streams, patches. Says what does not hold, with the smallest example that
 * it finds, and how to see it again.
 *
 *     deno task fuzz [--seconds=60 | --minutes=N] [--seed=N]
 *     deno task fuzz --only=NAME --seed=N --path=P
 *
 * Ends with 1 when something does not hold.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import fc from "fast-check";
import type { Fuzz } from "../tests/fuzz/check.ts";
import { calls } from "../tests/fuzz/calls.ts";
import { costs } from "../tests/fuzz/costs.ts";
import { frames, values as answers } from "../tests/fuzz/frames.ts";
import { headers } from "../tests/fuzz/headers.ts";
import { patches } from "../tests/fuzz/patches.ts";
import { states } from "../tests/fuzz/states.ts";
import { targets } from "../tests/fuzz/targets.ts";
import { values } from "../tests/fuzz/values.ts";

/** What is tried, and what part of the time is for it. */
const ALL: Record<string, { readonly share: number; readonly fuzz: Fuzz }> = {
  targets: { share: 4, fuzz: targets },
  calls: { share: 3, fuzz: calls },
  headers: { share: 0.5, fuzz: headers },
  costs: { share: 3, fuzz: costs },
  values: { share: 4, fuzz: values },
  frames: { share: 1, fuzz: frames },
  answers: { share: 0.5, fuzz: answers },
  patches: { share: 1, fuzz: patches },
  states: { share: 2, fuzz: states },
};

function usage(message: string): never {
  console.error(`fuzz: ${message}`);
  Deno.exit(2);
}

const args = parseArgs(Deno.args, {
  string: ["seconds", "minutes", "seed", "path", "only"],
  boolean: [],
  alias: {},
  unknown: (arg) => usage(`unknown argument ${arg}`),
});
const {
  minutes,
  seconds = minutes === undefined ? "60" : Number(minutes) * 60,
} = args;
const duration = Number(seconds) * 1000;
if (!(duration > 0)) usage("--seconds and --minutes must be numbers");
const seed = Number(args.seed ?? Date.now() % 1e9);
if (!Number.isInteger(seed)) usage("--seed must be a whole number");
const { only, path } = args;
if (path !== undefined && only === undefined) usage("--path needs --only");
const chosen = Object.entries(ALL)
  .filter(([name]) => only === undefined || name === only);
if (chosen.length === 0) usage(`--only is for ${Object.keys(ALL).join(", ")}`);

const shares = chosen.reduce((sum, [, { share }]) => sum + share, 0);
console.log(`${duration / 1000} seconds, --seed=${seed}.`);
let isGood = true;
for (const [name, { share, fuzz }] of chosen) {
  await fuzz(async (property) => {
    const result = await fc.check(property, {
      seed,
      path: path === undefined ? undefined : String(path),
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: duration * share / shares,
    });
    console.log(`${name.padEnd(10)}${result.numRuns} tries`);
    if (!result.failed) return;
    isGood = false;
    console.log(fc.defaultReportMessage(result));
    console.log(
      `Again: deno task fuzz --only=${name} --seed=${result.seed} --path=${result.counterexamplePath}`,
    );
  });
}
console.log(isGood ? "Good." : "NOT good.");
Deno.exit(isGood ? 0 : 1);
