import { assert, assertEquals } from "@std/assert";
import { FAULTS } from "./faults.ts";
import { failures, knownSeeds, story } from "./processes.ts";

Deno.test("simulation: a seed gives the same story each time, to the byte", async () => {
  const [one, two] = await Promise.all([story(5), story(5)]);
  assert(one.isGood, one.text);
  assertEquals(one, two);
});

Deno.test("simulation: what failed once holds", async () => {
  const known = await knownSeeds();
  assertEquals(await failures({ first: 1, count: 2, known }), []);
});

Deno.test("simulation: a fault that is put into the code is found", async () => {
  const fault = FAULTS.find(({ name }) => name === "ids have gaps");
  assert(fault);
  const [found] = await failures({ first: 1, count: 2, until: 1, fault });
  assertEquals(found?.kind, "ids have gaps");
});

Deno.test("simulation: the code still has what each fault changes", async () => {
  for (const { file, text } of FAULTS) {
    const source = await Deno.readTextFile(
      new URL(`../../${file}`, import.meta.url),
    );
    assertEquals([file, text, source.split(text).length], [file, text, 2]);
  }
});
