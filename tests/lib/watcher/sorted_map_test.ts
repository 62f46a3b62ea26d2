import { assertEquals } from "@std/assert";
import { SortedMap } from "../../../lib/watcher/sorted_map.ts";

/** Distinct keys in no order. */
function shuffled(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `k${(i * 7919) % count}`);
}

Deno.test("sorted map: it behaves as a Map with sorted keys, over many chunks", () => {
  const sorted = new SortedMap<number>();
  const model = new Map<string, number>();
  const keys = shuffled(2_000);
  const check = () => {
    assertEquals(sorted.size, model.size);
    const expected = [...model].sort(([a], [b]) => a < b ? -1 : 1);
    assertEquals([...sorted.from("")], expected);
    for (const from of ["k1", "k1999", "k5000", "z"]) {
      assertEquals(
        [...sorted.from(from)],
        expected.filter(([key]) => key >= from),
      );
    }
  };
  keys.forEach((key, i) => {
    assertEquals(sorted.set(key, i), undefined);
    model.set(key, i);
  });
  check();
  for (const key of keys) {
    assertEquals(sorted.get(key), model.get(key));
    if (key.endsWith("7")) assertEquals(sorted.set(key, -1), model.get(key));
    if (key.endsWith("7")) model.set(key, -1);
  }
  check();
  for (const key of keys.filter((key) => !key.endsWith("3"))) {
    assertEquals(sorted.delete(key), model.get(key));
    assertEquals(sorted.delete(key), undefined);
    assertEquals(sorted.get(key), undefined);
    model.delete(key);
  }
  check();
  for (const key of model.keys()) sorted.delete(key);
  assertEquals([sorted.size, sorted.get("k3"), [...sorted.from("")]], [
    0,
    undefined,
    [],
  ]);
});

Deno.test("sorted map: keys before, between and after others are found", () => {
  const sorted = new SortedMap<string>();
  const keys = shuffled(1_000).sort();
  for (const key of keys) sorted.set(key, key);
  for (const key of keys.toReversed()) sorted.set(`a${key}`, key);
  for (const key of keys) sorted.set(`${key}+`, key);
  for (const key of keys) {
    assertEquals(sorted.get(key), key);
    assertEquals(sorted.get(`a${key}`), key);
    assertEquals(sorted.get(`${key}+`), key);
    assertEquals(sorted.get(`${key}++`), undefined);
  }
  assertEquals(sorted.size, 3_000);
});
