import { assert, assertEquals } from "@std/assert";
import { Branch } from "../../../lib/broadcast/branch.ts";
import { StreamRegistry } from "../../../lib/broadcast/registry.ts";
import { State } from "../../../lib/broadcast/state.ts";
import { Topic } from "../../../lib/broadcast/topic.ts";
import { now } from "../../../lib/time.ts";
import { Unavailable } from "../../../lib/errors.ts";
import { Counters } from "../../../lib/stats/counters.ts";
import { BUCKET_BOUNDS, SAMPLE_RATE } from "../../../lib/stats/latency.ts";

import { applyMergePatch } from "../../../lib/client/patch.ts";
import { Random } from "../../util/model.ts";
import { Setup, TestListener } from "./setup.ts";

const lost = new Unavailable("lost");

Deno.test("events: init, then each change, with consecutive ids", async () => {
  using s = new Setup();
  const listener = new TestListener(s);
  assertEquals(await listener.next(), 'id: 1 event: init data: "first"');
  s.source.set("2");
  assertEquals(await listener.next(), "id: 2 event: update data: 2");
  s.source.set("3", "delete");
  assertEquals(await listener.next(), "id: 3 event: delete data: 3");
});

Deno.test("events: an unchanged state is not sent", async () => {
  using s = new Setup();
  const listener = new TestListener(s);
  await listener.next();
  s.source.set('"first"');
  s.source.set("2");
  s.source.set("2", "delete");
  assertEquals(await listener.next(), "id: 2 event: update data: 2");
  s.source.set("3");
  assertEquals(await listener.next(), "id: 3 event: update data: 3");
});

Deno.test("events: a slow listener gets the latest state, with its own next id", async () => {
  using s = new Setup();
  const fast = new TestListener(s);
  const slow = new TestListener(s);
  await fast.next();
  await slow.next();
  for (let i = 0; i < 100; i++) {
    s.source.set(`${i}`);
    assertEquals(await fast.next(), `id: ${i + 2} event: update data: ${i}`);
  }
  assertEquals(await slow.next(), "id: 2 event: update data: 99");
  s.source.set("100");
  assertEquals(await slow.next(), "id: 3 event: update data: 100");
});

Deno.test("events: changes that were conflated are an update, unless all were removals", async () => {
  using s = new Setup();
  const listener = new TestListener(s);
  await listener.next();
  s.source.set("2", "delete");
  s.source.set("3", "delete");
  assertEquals(await listener.next(), "id: 2 event: delete data: 3");
  s.source.set("4", "update");
  s.source.set("5", "delete");
  assertEquals(await listener.next(), "id: 3 event: update data: 5");
  s.source.set("5", "update");
  s.source.set("6", "delete");
  assertEquals(await listener.next(), "id: 4 event: delete data: 6");
});

Deno.test("events: one state can be an update for one listener and a removal for another", async () => {
  using s = new Setup();
  const slow = new TestListener(s);
  await slow.next();
  s.source.set("2", "update");
  const fast = new TestListener(s);
  assertEquals(await fast.next(), "id: 1 event: init data: 2");
  s.source.set("3", "delete");
  assertEquals(await fast.next(), "id: 2 event: delete data: 3");
  assertEquals(await slow.next(), "id: 2 event: update data: 3");
});

Deno.test("events: a change that was reverted before it was read is not sent", async () => {
  using s = new Setup();
  const listener = new TestListener(s);
  await listener.next();
  s.source.set("2");
  s.source.set('"first"');
  const next = listener.next();
  s.source.set("3", "delete");
  assertEquals(await next, "id: 2 event: delete data: 3");
});

Deno.test("events: an unavailable state is an error, the next state an update", async () => {
  using s = new Setup();
  const listener = new TestListener(s);
  await listener.next();
  s.source.set(lost);
  assertEquals(await listener.next(), "id: 0 event: error data: lost");
  s.source.set(lost, "delete");
  s.source.set('"first"', "delete");
  assertEquals(await listener.next(), 'id: 2 event: update data: "first"');
  s.source.set(lost);
  s.source.set('"first"');
  s.source.set("2", "delete");
  assertEquals(await listener.next(), "id: 3 event: update data: 2");
});

Deno.test("events: init is the first state, after an error too", async () => {
  using s = new Setup();
  s.source.set(lost);
  const listener = new TestListener(s);
  assertEquals(await listener.next(), "id: 0 event: error data: lost");
  s.source.set("1", "delete");
  assertEquals(await listener.next(), "id: 1 event: init data: 1");
});

Deno.test("events: patches are from the last state that the listener got", async () => {
  using s = new Setup();
  const set = (members: Record<string, unknown>) =>
    s.source.set(
      Object.entries(members).map(([k, v]) => [k, JSON.stringify(v)]),
    );
  set({ a: 1, b: { c: 1, d: 2 } });
  const fast = new TestListener(s, { patch: true });
  const slow = new TestListener(s, { patch: true });
  const init = 'id: 1 event: init data: {"a":1,"b":{"c":1,"d":2}}';
  assertEquals([await fast.next(), await slow.next()], [init, init]);
  set({ a: 1, b: { c: 2, d: 2 } });
  assertEquals(
    await fast.next(),
    'id: 2 event: patch data: {"b":{"c":2}}',
  );
  set({ b: { c: 3 }, e: "x".repeat(100) });
  const e = `"e":"${"x".repeat(100)}"`;
  assertEquals(
    await fast.next(),
    `id: 3 event: patch data: {"a":null,"b":{"c":3,"d":null},${e}}`,
  );
  assertEquals(
    await slow.next(),
    `id: 2 event: patch data: {"a":null,"b":{"c":3,"d":null},${e}}`,
  );
  // A patch cannot set a member to null: the complete state is sent.
  set({ b: { c: null }, e: 1 });
  assertEquals(
    await fast.next(),
    'id: 4 event: update data: {"b":{"c":null},"e":1}',
  );
  s.source.set(lost);
  assertEquals(await fast.next(), "id: 0 event: error data: lost");
  set({ b: { c: null }, e: 2 });
  assertEquals(
    await fast.next(),
    'id: 5 event: update data: {"b":{"c":null},"e":2}',
  );
  set({ b: { c: null }, e: 3 });
  assertEquals(await fast.next(), 'id: 6 event: patch data: {"e":3}');
});

Deno.test("events: patches applied give the states, for random changes and slow listeners", async () => {
  const random = new Random(7);
  for (let history = 0; history < 20; history++) {
    using s = new Setup();
    const members = new Map<string, string>();
    const change = () => {
      for (let i = random.below(4); i >= 0; i--) {
        const name = random.pick(["a", "b", "é", '"', "__proto__", "2", "10"]);
        const value = random.pick<unknown>(
          [null, 1, "\u2028", [null], { x: 1 }, { x: { y: 1 }, z: [1] }, {
            x: null,
          }],
        );
        if (random.below(3) === 0) members.delete(name);
        else members.set(name, JSON.stringify(value));
      }
      s.source.set([...members]);
    };
    change();
    const listeners = Array.from({ length: 5 }, () => ({
      listener: new TestListener(s, { patch: true }),
      state: undefined as unknown,
      patches: 0,
    }));
    const step = async (one: typeof listeners[number]) => {
      const frame = await one.listener.next() ?? "";
      const [, event, data = ""] = /event: (\w+) data: (.*)/.exec(frame) ?? [];
      const isPatch = event === "patch";
      one.patches += isPatch ? 1 : 0;
      const value: unknown = JSON.parse(data);
      one.state = isPatch ? applyMergePatch(one.state, value) : value;
    };
    for (const one of listeners) await step(one);
    for (let i = 0; i < 50; i++) {
      change();
      s.source.set([...members, ["seq", String(i)]]);
      for (const [k, one] of listeners.entries()) {
        // The first listener reads every state, the last hardly any.
        if (random.below(5) < k && i < 49) continue;
        await step(one);
        const expected = Object.fromEntries(
          [...members, ["seq", String(i)]].map((
            [name, json],
          ) => [name, JSON.parse(json ?? "")]),
        );
        assertEquals(one.state, expected);
      }
    }
    assert(listeners.some(({ patches }) => patches > 0));
  }
});

/** As many listeners of one topic as there are deliveries for each that is measured. */
class MeasuredListeners implements Disposable {
  readonly topic = new Topic(State.of("1"));
  readonly #counters = new Counters();
  readonly #registry = new StreamRegistry({
    counters: this.#counters,
    slowAfter: 60_000,
  });
  readonly #readers: readonly ReadableStreamDefaultReader<Uint8Array>[];

  constructor(heartbeat = 0) {
    this.#readers = Array.from({ length: SAMPLE_RATE }, () => {
      const branch = new Branch(
        this.#registry,
        { heartbeat, patch: false, tag: false },
        () => {},
      );
      branch.attach(this.topic);
      return branch.stream.getReader();
    });
  }

  /** Reads an event from each. @returns their different names */
  async next(): Promise<string[]> {
    const read = await Promise.all(this.#readers.map((one) => one.read()));
    const names = read.map(({ value }) =>
      /event: (\w+)/.exec(new TextDecoder().decode(value))?.[1] ?? ""
    );
    return [...new Set(names)];
  }

  /** Number of measured deliveries by the bound of their bucket. */
  get latency(): Record<number, number> {
    const { counts } = this.#counters.latency;
    return Object.fromEntries(
      counts.map((count, i) => [BUCKET_BOUNDS[i] ?? Infinity, count])
        .filter(([, count]) => count !== 0),
    );
  }

  [Symbol.dispose](): void {
    this.#registry.close();
  }
}

Deno.test("events: latency is measured for changes of the store, not for first states, heartbeats and errors", async () => {
  using s = new MeasuredListeners(0.01);
  s.topic.publish(State.of("2"), "update", now());
  assertEquals(await s.next(), ["init"]);
  assertEquals(await s.next(), ["heartbeat"]);
  s.topic.publish(State.of("3"), "update");
  assertEquals(await s.next(), ["update"]);
  s.topic.publish(new Unavailable("lost"), "update", now());
  assertEquals(await s.next(), ["error"]);
  assertEquals(s.latency, {});
});

Deno.test("events: latency is from when the change was read from the store until a listener takes it", async () => {
  using s = new MeasuredListeners();
  await s.next();
  s.topic.publish(State.of("2"), "update", now() - 700);
  assertEquals(await s.next(), ["update"]);
  assertEquals(s.latency, { 1: 1 });
  // An equal state does not change when the latest was read.
  s.topic.publish(State.of("3"), "update", now() - 3_000);
  s.topic.publish(State.of("3"), "update", now());
  assertEquals(await s.next(), ["update"]);
  assertEquals(s.latency, { 1: 1, 5: 1 });
  s.topic.publish(State.of("4"), "update", now() - 60_000);
  s.topic.publish(State.of("5"), "delete", now() - 7_000);
  assertEquals(await s.next(), ["update"]);
  assertEquals(s.latency, { 1: 1, 5: 1, 10: 1 });
});
