import { assertEquals } from "@std/assert";
import { Effects, PHASES } from "../../../lib/watcher/effects.ts";
import { Watcher } from "../../../lib/watcher/watcher.ts";

Deno.test("watcher: entries of a prefix are in key order, after any changes", () => {
  const watcher = new Watcher<number>("test", () => 0);
  const model = new Map<string, number>();
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  for (let round = 0; round < 300; round++) {
    const changes: [string, number | undefined][] = [];
    for (let i = random(round % 10 === 0 ? 100 : 4); i >= 0; i--) {
      const key = `${"abc"[random(3)]}/${random(40)}`;
      const value = random(3) === 0 ? undefined : random(1000);
      changes.push([key, value]);
      if (value === undefined) model.delete(key);
      else model.set(key, value);
    }
    watcher.apply(changes);
    for (const prefix of ["", "a/", "b/1", "c/39", "d"]) {
      const expected = [...model].filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => a < b ? -1 : 1);
      assertEquals([...watcher.entries(prefix)], expected);
    }
  }
});

Deno.test("watcher: subscribers get the changes, and read the new state", () => {
  const watcher = new Watcher<string>("test", () => 0);
  const heard: unknown[] = [];
  const unsubscribe = watcher.subscribe(
    "topics",
    (changes) => heard.push(changes, [...watcher.entries("")]),
  );
  watcher.apply([["b", "1"], ["a", "1"]]);
  watcher.apply([["a", "2"], ["b", undefined], ["none", undefined]]);
  watcher.apply([["none", undefined]]);
  unsubscribe();
  watcher.apply([["c", "1"]]);
  assertEquals(heard, [
    [{ key: "b", value: "1", previous: undefined }, {
      key: "a",
      value: "1",
      previous: undefined,
    }],
    [["a", "1"], ["b", "1"]],
    [{ key: "a", value: "2", previous: "1" }, {
      key: "b",
      value: undefined,
      previous: "1",
    }],
    [["a", "2"]],
  ]);
});

Deno.test("watcher: a subscriber that throws does not affect others", () => {
  const watcher = new Watcher<string>("test", () => 0);
  let heard = 0;
  watcher.subscribe("topics", () => {
    throw new Error("broken");
  });
  watcher.subscribe("topics", () => heard++);
  watcher.apply([["a", "1"]]);
  assertEquals(heard, 1);
});

Deno.test("watcher: a change takes effect in phases, in any order of subscription", () => {
  const effects = new Effects();
  const of = (name: string) =>
    new Watcher<string>(name, () => 0, undefined, undefined, effects);
  const [base, derived] = [of("base"), of("derived")];
  const heard: string[] = [];
  for (const watcher of [derived, base]) {
    for (const phase of PHASES.toReversed()) {
      watcher.subscribe(phase, () => {
        const values = `${base.get("a")}, ${derived.get("a")}`;
        heard.push(`${phase}, ${watcher.name}: ${values}`);
      });
    }
  }
  base.subscribe("derived", (changes) => {
    derived.apply(changes.map(({ key, value }) => [key, value]));
  });
  base.apply([["a", "1"]]);
  assertEquals(heard, [
    "derived, base: 1, undefined",
    "derived, derived: 1, 1",
    "rights, base: 1, 1",
    "rights, derived: 1, 1",
    "topics, base: 1, 1",
    "topics, derived: 1, 1",
  ]);
});

Deno.test("watcher: a subscriber that unsubscribes in an earlier phase is not called", () => {
  const watcher = new Watcher<string>("test", () => 0);
  let heard = 0;
  const leave = watcher.subscribe("topics", () => heard++);
  watcher.subscribe("rights", leave);
  watcher.apply([["a", "1"]]);
  assertEquals(heard, 0);
});
