/**
 * Runs stories, one after the other, and prints a line of JSON for each that
 * fails; or one, whose story it prints. `processes.ts` starts it.
 *
 *     run.ts '{"runs": [{"store": "etcd", "seed": 1}], "until": 5}'
 *     run.ts '{"store": "etcd", "seed": 1}'
 *
 * @module
 */
import type { Failed, Runs } from "./processes.ts";
import { plan } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { type Run, Story } from "./story.ts";

const argument: Run | Runs = JSON.parse(Deno.args[0] ?? "");
if ("seed" in argument) {
  const operations = plan(argument);
  const { lines, failure } = await Story.run(argument, operations);
  const shown = failure === undefined
    ? lines
    : (await shrink(argument, operations, failure)).lines;
  console.log(shown.join("\n"));
  Deno.exit(failure === undefined ? 0 : 1);
}
let failed = 0;
for (const run of argument.runs) {
  const { failure } = await Story.run(run, plan(run));
  if (failure === undefined) continue;
  const { kind, message } = failure;
  console.log(JSON.stringify({ ...run, kind, message } satisfies Failed));
  if (++failed >= (argument.until ?? Infinity)) break;
}
Deno.exit(0);
