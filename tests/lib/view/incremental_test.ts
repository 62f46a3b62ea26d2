import { compareStates } from "../../fuzz/states.ts";

/** The fuzzer tries more. */
const CHANGES = 2_000;

Deno.test("a state that is kept is the one that is made anew, whatever happened", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, () => compareStates(seed, CHANGES));
});
