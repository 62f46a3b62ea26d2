import { assert, assertEquals, assertMatch } from "@std/assert";
import { FAULTS } from "./faults.ts";
import {
  type Failed,
  failures,
  knownRuns,
  MAX_SEED,
  runsOf,
  STORES,
  story,
} from "./processes.ts";

const SCRIPT = `${import.meta.dirname}/../../scripts/simulate.ts`;

Deno.test("simulation: a seed gives the same story each time, byte for byte", async () => {
  for (const store of STORES) {
    // Its story has gRPC, workers, logins and suspensions.
    const run = { store, seed: 7 };
    const [one, two] = await Promise.all([story(run), story(run)]);
    assert(one.isGood, one.text);
    assertEquals(one, two);
  }
});

Deno.test("simulation: seeds that failed before pass", async () => {
  const known = await knownRuns(STORES);
  assert(known.length > 0);
  const runs = [...known, ...runsOf(STORES, 1, 3)];
  const ends: (Failed | null)[] = [];
  const failed = await failures(runs, { onEnd: (end) => ends.push(end) });
  assertEquals(failed, []);
  assertEquals(ends, runs.map(() => null));
});

Deno.test("simulation: a seed that is too large is refused", async () => {
  const tooLarge = [
    [`--seed=${MAX_SEED + 1}`],
    // The last seed is too large.
    ["--store=etcd", `--first=${MAX_SEED}`, "--seeds=2"],
  ];
  for (const args of tooLarge) {
    const { code, stderr } = await new Deno.Command("deno", {
      args: ["run", "--no-check", "--no-prompt", SCRIPT, ...args],
    }).output();
    assertMatch(
      new TextDecoder().decode(stderr),
      /^simulate: --\w+ must be a whole number from 1 to \d+, not /,
    );
    assertEquals(code, 2);
  }
});

Deno.test("simulation: a fault that is put into the code is found, with any number of seeds", async () => {
  const fault = FAULTS.find(({ name }) => name === "ids have gaps");
  assert(fault);
  const runs = runsOf(["etcd"], 1e9, 10_000 * navigator.hardwareConcurrency);
  const [found] = await failures(runs, { until: 1, fault });
  assertEquals(found?.kind, "ids have gaps");
});

Deno.test("simulation: the code still contains the text that each fault replaces", async () => {
  for (const { file, text } of FAULTS) {
    const source = await Deno.readTextFile(
      new URL(`../../${file}`, import.meta.url),
    );
    assertEquals([file, text, source.split(text).length], [file, text, 2]);
  }
});
