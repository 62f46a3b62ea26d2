/**
 * Runs the stories that standard input lists, one after the other, and prints
 * a line of JSON for each: its failure, or `null`. For a single run it prints the
 * story. `processes.ts` starts it.
 *
 *     echo '{"runs": [{"store": "etcd", "seed": 1}], "until": 5}' | run.ts
 *     echo '{"store": "etcd", "seed": 1}' | run.ts
 *
 * @module
 */
import { plan } from "./plan.ts";
import type { Failed, Runs } from "./processes.ts";
import { shrink } from "./shrink.ts";
import { type Run, Story } from "./story.ts";

const input: Run | Runs = await new Response(Deno.stdin.readable).json();
if ("seed" in input) {
  const operations = plan(input);
  const { lines, failure } = await Story.run(input, operations);
  const story = failure === undefined
    ? lines
    : (await shrink(input, operations, failure)).lines;
  console.log(story.join("\n"));
  Deno.exit(failure === undefined ? 0 : 1);
}
let failed = 0;
for (const run of input.runs) {
  const { failure } = await Story.run(run, plan(run));
  const result: Failed | null = failure === undefined
    ? null
    : { ...run, kind: failure.kind, message: failure.message };
  console.log(JSON.stringify(result));
  if (result !== null && ++failed >= (input.until ?? Infinity)) break;
}
Deno.exit(0);
