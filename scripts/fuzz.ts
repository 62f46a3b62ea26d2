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
import fc from "fast-check";
import { integerFlag, scriptOptions, UsageError } from "../lib/flags.ts";
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

const MOST = Number.MAX_SAFE_INTEGER;

const { chosen, duration, path, seed } = scriptOptions(
  {
    name: "fuzz",
    summary: "Tries lainlet with random requests, values, event streams and " +
      "patches, and prints how to see again what does not hold.",
    flags: [
      { name: "seconds", value: "N", help: "how long (default 60)" },
      { name: "minutes", value: "N", help: "the same, in minutes" },
      { name: "seed", value: "N", help: "default: another one each time" },
      {
        name: "only",
        value: "NAME",
        help: `one of ${Object.keys(ALL).join(", ")}`,
      },
      { name: "path", value: "P", help: "the example, with --only and --seed" },
    ],
  },
  ({ given }) => {
    const only = given("only");
    const path = given("path");
    if (path !== undefined && only === undefined) {
      throw new UsageError("--path needs --only");
    }
    const chosen = Object.entries(ALL)
      .filter(([name]) => only === undefined || name === only);
    if (chosen.length === 0) {
      throw new UsageError(
        `--only must be one of ${Object.keys(ALL).join(", ")}`,
      );
    }
    return {
      chosen,
      duration: 1000 *
        (given("minutes") === undefined
          ? integerFlag(given, "seconds", 60, 1, MOST)
          : 60 * integerFlag(given, "minutes", 1, 1, MOST)),
      path,
      seed: integerFlag(
        given,
        "seed",
        Date.now() % 1e9,
        0,
        MOST,
      ),
    };
  },
);

const shares = chosen.reduce((sum, [, { share }]) => sum + share, 0);
console.log(`${duration / 1000} seconds, --seed=${seed}.`);
let isGood = true;
for (const [name, { share, fuzz }] of chosen) {
  await fuzz(async (property) => {
    const result = await fc.check(property, {
      seed,
      path,
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: duration * share / shares,
    });
    console.log(`${name.padEnd(10)}${result.numRuns} tries`);
    if (!result.failed) return;
    isGood = false;
    console.log(fc.defaultReportMessage(result));
    console.log(result.errorInstance);
    console.log(
      `Again: deno task fuzz --only=${name} --seed=${result.seed} --path=${result.counterexamplePath}`,
    );
  });
}
console.log(isGood ? "Good." : "NOT good.");
Deno.exit(isGood ? 0 : 1);
