import { assert, assertEquals } from "@std/assert";
import { now } from "../../../lib/time.ts";
import { Counters } from "../../../lib/stats/counters.ts";
import { BOUNDS, ONE_OF, quantile } from "../../../lib/stats/latency.ts";

/** Equal but for how sums are rounded. */
function assertNear(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) < 1e-6, `${actual}, not ${expected}`);
}

const total = (counts: readonly number[]) =>
  counts.reduce((sum, count) => sum + count, 0);

Deno.test("delays: a bucket holds what is up to its bound, and the last one the rest", () => {
  const { delays } = new Counters();
  delays.add(0);
  for (const bound of BOUNDS) delays.add(bound);
  for (const more of [10.001, 1e6]) delays.add(more);
  assertEquals(delays.counts, [2, ...BOUNDS.slice(1).map(() => 1), 2]);
  const sum = BOUNDS.reduce<number>((sum, bound) => sum + bound, 0);
  assertNear(delays.sum, sum + 10.001 + 1e6);
});

Deno.test("delays: one in so many is looked at, the first one for a start", () => {
  const { delays } = new Counters();
  for (let taken = 1; taken <= 10 * ONE_OF; taken++) {
    // What is not for a change takes nobody's turn.
    delays.taken(undefined);
    delays.taken(now());
    assertEquals(total(delays.counts), Math.ceil(taken / ONE_OF));
  }
  // A clock that is ahead of another one by a hair does not count backwards.
  const { delays: others } = new Counters();
  others.taken(now() + 1_000);
  assertEquals([others.counts[0], others.sum], [1, 0]);
});

Deno.test("delays: threads count together, beside what else they count", () => {
  const counters = new Counters();
  const other = new Counters(counters.buffer);
  counters.delays.add(0.002);
  other.delays.add(0.002);
  other.add("starved", 3);
  assertEquals(counters.delays.counts, other.delays.counts);
  assertEquals(counters.delays.counts[2], 2);
  assertNear(counters.delays.sum, 0.004);
  assertEquals([counters.starved, counters.connections], [3, 0]);
});

Deno.test("delays: a quantile lies in its bucket, as Prometheus has it", () => {
  const counts = (some: Record<number, number>) =>
    [...BOUNDS, Infinity].map((bound) => some[bound] ?? 0);
  assertEquals(quantile(0.99, counts({})), 0);
  // Half of the way from 5 to 10 ms, and from nothing to the first bound.
  assertNear(quantile(0.5, counts({ 0.01: 8 })), 0.0075);
  assertNear(quantile(0.5, counts({ 0.0005: 8 })), 0.00025);
  // 50 of 100 are up to 1 ms; 49 of the 50 above lie up to its end.
  const two = counts({ 0.001: 50, 0.25: 50 });
  assertNear(quantile(0.5, two), 0.001);
  assertNear(quantile(0.99, two), 0.1 + 0.15 * 49 / 50);
  assertEquals(quantile(1, two), 0.25);
  // Nobody knows how long those took.
  assertEquals(quantile(0.99, counts({ 0.001: 50, Infinity: 50 })), 10);
  // Rounding takes none of them out of its bucket.
  for (let count = 1; count < 1_000; count++) {
    for (const part of [0.5, 0.9, 0.99, 0.999, 1]) {
      const got = quantile(part, counts({ 0.025: count, 0.1: 1 }));
      assert(got > 0.01 && got <= 0.1, `${part} of ${count}: ${got}`);
    }
  }
});
