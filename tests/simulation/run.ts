/**
 * Runs stories, one after the other, and prints a line of JSON for each that
 * fails; or one, whose story it prints. `processes.ts` starts it.
 *
 *     run.ts SEEDS    as JSON
 *     run.ts SEED
 *
 * @module
 */
import type { Failed, Seeds } from "./processes.ts";
import { plan } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { Story } from "./story.ts";

const argument = JSON.parse(Deno.args[0] ?? "");
if (typeof argument === "number") {
  const operations = plan(argument);
  const { lines, failure } = await Story.run(argument, operations);
  const shown = failure === undefined
    ? lines
    : (await shrink(argument, operations, failure)).lines;
  console.log(shown.join("\n"));
  Deno.exit(failure === undefined ? 0 : 1);
}
const { first, step, count, known, until }: Seeds = argument;
const seeds = Array.from({ length: count }, (_, i) => first + i * step);
let failed = 0;
for (const seed of [...known, ...seeds]) {
  const { failure } = await Story.run(seed, plan(seed));
  if (failure === undefined) continue;
  const { kind, message } = failure;
  console.log(JSON.stringify({ seed, kind, message } satisfies Failed));
  if (++failed >= (until ?? Infinity)) break;
}
Deno.exit(0);
