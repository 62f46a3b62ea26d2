/**
 * What of a stream counts as a delivery that took its time.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Branch } from "../../../lib/broadcast/branch.ts";
import { StreamRegistry } from "../../../lib/broadcast/registry.ts";
import { State } from "../../../lib/broadcast/state.ts";
import { Topic } from "../../../lib/broadcast/topic.ts";
import { now } from "../../../lib/time.ts";
import { Unavailable } from "../../../lib/errors.ts";
import { Counters } from "../../../lib/stats/counters.ts";
import { BUCKET_BOUNDS, SAMPLE_RATE } from "../../../lib/stats/latency.ts";

/** As many listeners to one topic as one of is looked at. */
class Listeners implements Disposable {
  readonly topic = new Topic(State.of("1"));
  readonly #counters = new Counters();
  readonly #branches = new StreamRegistry({
    counters: this.#counters,
    slowAfter: 60_000,
  });
  readonly #readers: readonly ReadableStreamDefaultReader<Uint8Array>[];

  constructor(heartbeat = 0) {
    this.#readers = Array.from({ length: SAMPLE_RATE }, () => {
      const branch = new Branch(
        this.#branches,
        { heartbeat, patch: false, tag: false },
        () => {},
      );
      branch.attach(this.topic);
      return branch.stream.getReader();
    });
  }

  /** The kinds of event that all of them read next. */
  async next(): Promise<string[]> {
    const read = await Promise.all(this.#readers.map((one) => one.read()));
    const kinds = read.map(({ value }) =>
      /event: (\w+)/.exec(new TextDecoder().decode(value))?.[1] ?? ""
    );
    return [...new Set(kinds)];
  }

  /** How many deliveries were looked at, by the bounds of their buckets. */
  get delays(): Record<number, number> {
    const { counts } = this.#counters.latency;
    return Object.fromEntries(
      counts.map((count, i) => [BUCKET_BOUNDS[i] ?? Infinity, count])
        .filter(([, count]) => count !== 0),
    );
  }

  [Symbol.dispose](): void {
    this.#branches.close();
  }
}

Deno.test("delays: first states, heartbeats, errors and what is not the store's do not count", async () => {
  using s = new Listeners(0.01);
  s.topic.publish(State.of("2"), "update", now());
  assertEquals(await s.next(), ["init"]);
  assertEquals(await s.next(), ["heartbeat"]);
  s.topic.publish(State.of("3"), "update");
  assertEquals(await s.next(), ["update"]);
  s.topic.publish(new Unavailable("lost"), "update", now());
  assertEquals(await s.next(), ["error"]);
  assertEquals(s.delays, {});
});

Deno.test("delays: whoever comes late for a change took it late", async () => {
  using s = new Listeners();
  await s.next();
  s.topic.publish(State.of("2"), "update", now() - 700);
  assertEquals(await s.next(), ["update"]);
  assertEquals(s.delays, { 1: 1 });
  // It stands until there is another one.
  s.topic.publish(State.of("3"), "update", now() - 3_000);
  s.topic.publish(State.of("3"), "update", now());
  assertEquals(await s.next(), ["update"]);
  assertEquals(s.delays, { 1: 1, 5: 1 });
  s.topic.publish(State.of("4"), "update", now() - 60_000);
  s.topic.publish(State.of("5"), "delete", now() - 7_000);
  assertEquals(await s.next(), ["update"]);
  assertEquals(s.delays, { 1: 1, 5: 1, 10: 1 });
});
