import { assert, assertEquals } from "@std/assert";
import { now } from "../../../lib/time.ts";
import { Counters } from "../../../lib/stats/counters.ts";
import {
  BUCKET_BOUNDS,
  quantile,
  SAMPLE_RATE,
} from "../../../lib/stats/latency.ts";

/** Asserts equality up to rounding. */
function assertNear(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) < 1e-6, `${actual}, not ${expected}`);
}

const total = (counts: readonly number[]) =>
  counts.reduce((sum, count) => sum + count, 0);

Deno.test("latency: each bucket counts values up to its bound, the last one the rest", () => {
  const { latency } = new Counters();
  latency.observe(0);
  for (const bound of BUCKET_BOUNDS) latency.observe(bound);
  for (const more of [10.001, 1e6]) latency.observe(more);
  assertEquals(latency.counts, [2, ...BUCKET_BOUNDS.slice(1).map(() => 1), 2]);
  const sum = BUCKET_BOUNDS.reduce<number>((sum, bound) => sum + bound, 0);
  assertNear(latency.sum, sum + 10.001 + 1e6);
});

Deno.test("latency: one frame in SAMPLE_RATE is measured, beginning with the first", () => {
  const { latency } = new Counters();
  for (let taken = 1; taken <= 10 * SAMPLE_RATE; taken++) {
    // Frames without a change do not count.
    latency.delivered(undefined);
    latency.delivered(now());
    assertEquals(total(latency.counts), Math.ceil(taken / SAMPLE_RATE));
  }
  // No negative latency, if clocks of threads differ a little.
  const { latency: others } = new Counters();
  others.delivered(now() + 1_000);
  assertEquals([others.counts[0], others.sum], [1, 0]);
});

Deno.test("latency: threads share the cells, apart from other counters", () => {
  const counters = new Counters();
  const other = new Counters(counters.buffer);
  counters.latency.observe(0.002);
  other.latency.observe(0.002);
  other.add("outOfDescriptors", 3);
  assertEquals(counters.latency.counts, other.latency.counts);
  assertEquals(counters.latency.counts[2], 2);
  assertNear(counters.latency.sum, 0.004);
  assertEquals([counters.outOfDescriptors, counters.connections], [3, 0]);
});

Deno.test("quantile: interpolates within a bucket, as Prometheus does", () => {
  const counts = (some: Record<number, number>) =>
    [...BUCKET_BOUNDS, Infinity].map((bound) => some[bound] ?? 0);
  assertEquals(quantile(0.99, counts({})), 0);
  // Half of the way from 5 to 10 ms, and from 0 to the first bound.
  assertNear(quantile(0.5, counts({ 0.01: 8 })), 0.0075);
  assertNear(quantile(0.5, counts({ 0.0005: 8 })), 0.00025);
  // 50 of 100 are up to 1 ms; 49 of the other 50 are up to the end of the bucket.
  const two = counts({ 0.001: 50, 0.25: 50 });
  assertNear(quantile(0.5, two), 0.001);
  assertNear(quantile(0.99, two), 0.1 + 0.15 * 49 / 50);
  assertEquals(quantile(1, two), 0.25);
  // The last bucket has no upper bound.
  assertEquals(quantile(0.99, counts({ 0.001: 50, Infinity: 50 })), 10);
  // Rounding moves none to another bucket.
  for (let count = 1; count < 1_000; count++) {
    for (const part of [0.5, 0.9, 0.99, 0.999, 1]) {
      const got = quantile(part, counts({ 0.025: count, 0.1: 1 }));
      assert(got > 0.01 && got <= 0.1, `${part} of ${count}: ${got}`);
    }
  }
});
