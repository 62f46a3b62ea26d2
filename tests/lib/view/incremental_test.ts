import { compareStates } from "../../fuzz/states.ts";

/** `deno task fuzz` makes more. */
const CHANGES = 2_000;

Deno.test("a materialized state equals the recomputed one after random changes", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, () => compareStates(seed, CHANGES));
});
