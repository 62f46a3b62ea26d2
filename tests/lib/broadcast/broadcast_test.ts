import { assert, assertEquals } from "@std/assert";
import { Broadcast } from "../../../lib/broadcast/broadcast.ts";
import type { Branch } from "../../../lib/broadcast/branch.ts";
import { Counters } from "../../../lib/vitals/counters.ts";
import { Branches } from "../../../lib/broadcast/branches.ts";
import type { Member } from "../../../lib/json.ts";
import { Unavailable } from "../../../lib/errors.ts";
import type {
  ChangeKind,
  Followed,
  Source,
} from "../../../lib/broadcast/source.ts";
import { State } from "../../../lib/broadcast/state.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { get, Stream } from "../../util/client.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { applyPatch } from "../../../lib/client/patch.ts";
import { Random } from "../../util/model.ts";
import { eventually } from "../../util/process.ts";

/** A source whose answer the test sets. */
class TestSource implements Source {
  readonly watcher = { receivers: 0, version: 0 };
  renders = 0;
  #json: readonly Member[] | string | Unavailable = '"first"';
  #listener?: (kind: ChangeKind) => void;

  constructor(readonly id = "test") {}

  get isSubscribed(): boolean {
    return this.#listener !== undefined;
  }

  render(): State {
    this.renders++;
    if (this.#json instanceof Unavailable) throw this.#json;
    return State.of(this.#json);
  }

  follow(onChange: (kind: ChangeKind) => void): Followed {
    this.#listener = onChange;
    return {
      render: () => this.render(),
      end: () => this.#listener = undefined,
    };
  }

  set(
    json: readonly Member[] | string | Unavailable,
    kind: ChangeKind = "update",
  ): void {
    this.#json = json;
    this.watcher.version++;
    this.#listener?.(kind);
  }
}

/** A listener that reads when it is told to. */
class Listener {
  readonly branch: Branch;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  readonly #release: () => void;

  constructor(
    setup: Setup,
    { heartbeat = 0, patch = false, tag = false, since = "" } = {},
  ) {
    const { branches, broadcast, source } = setup;
    this.branch = branches.open(
      { heartbeat, patch, tag },
      () => setup.slow++,
    );
    const { topic, release } = broadcast.use(source);
    this.#release = release;
    this.branch.attach(topic, topic.known(since));
    this.#reader = this.branch.stream.getReader();
  }

  /** The next frame, on one line; undefined at the end. */
  async next(): Promise<string | undefined> {
    const { value } = await this.#reader.read();
    return value &&
      new TextDecoder().decode(value).trim().replaceAll("\n", " ");
  }

  async leave(): Promise<void> {
    await this.#reader.cancel();
    this.#release();
  }
}

class Setup implements Disposable {
  slow = 0;
  readonly branches: Branches;
  readonly broadcast = new Broadcast();
  readonly source = new TestSource();

  constructor(slowAfter = 60_000) {
    this.branches = new Branches({ counters: new Counters(), slowAfter });
  }

  [Symbol.dispose](): void {
    this.branches.close();
  }
}

const lost = new Unavailable("lost");

Deno.test("a listener gets init, then each change, with ids that count", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  assertEquals(await listener.next(), 'id: 1 event: init data: "first"');
  s.source.set("2");
  assertEquals(await listener.next(), "id: 2 event: update data: 2");
  s.source.set("3", "delete");
  assertEquals(await listener.next(), "id: 3 event: delete data: 3");
});

Deno.test("an answer that did not change is not sent", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  await listener.next();
  s.source.set('"first"');
  s.source.set("2");
  s.source.set("2", "delete");
  assertEquals(await listener.next(), "id: 2 event: update data: 2");
  s.source.set("3");
  assertEquals(await listener.next(), "id: 3 event: update data: 3");
});

Deno.test("a slow listener gets the latest state, with its own next id", async () => {
  using s = new Setup();
  const fast = new Listener(s);
  const slow = new Listener(s);
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

Deno.test("what a slow listener missed is an update unless all of it was removals", async () => {
  using s = new Setup();
  const listener = new Listener(s);
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

Deno.test("one state can be an update to one listener and a removal to another", async () => {
  using s = new Setup();
  const slow = new Listener(s);
  await slow.next();
  s.source.set("2", "update");
  const fast = new Listener(s);
  assertEquals(await fast.next(), "id: 1 event: init data: 2");
  s.source.set("3", "delete");
  assertEquals(await fast.next(), "id: 2 event: delete data: 3");
  assertEquals(await slow.next(), "id: 2 event: update data: 3");
});

Deno.test("a slow listener is not told of a change that was taken back", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  await listener.next();
  s.source.set("2");
  s.source.set('"first"');
  const next = listener.next();
  s.source.set("3", "delete");
  assertEquals(await next, "id: 2 event: delete data: 3");
});

Deno.test("an answer that cannot be made is an error, the next one an update", async () => {
  using s = new Setup();
  const listener = new Listener(s);
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

Deno.test("a stream that starts without an answer gets init with the first", async () => {
  using s = new Setup();
  s.source.set(lost);
  const listener = new Listener(s);
  assertEquals(await listener.next(), "id: 0 event: error data: lost");
  s.source.set("1", "delete");
  assertEquals(await listener.next(), "id: 1 event: init data: 1");
});

Deno.test("a failed stream says why and ends; nothing follows", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  await listener.next();
  s.source.set("2");
  listener.branch.fail("no more");
  listener.branch.fail("not this");
  s.source.set("3");
  assertEquals(await listener.next(), "id: 0 event: error data: no more");
  assertEquals(await listener.next(), undefined);
});

Deno.test("a listener that leaves as it is given a state keeps that from nobody", async () => {
  using s = new Setup();
  const leaving = new Listener(s);
  await leaving.next();
  const listener = new Listener(s);
  await listener.next();
  let given = 0;
  const waiting = leaving.next();
  // As Deno.serve does, when the connection has gone.
  leaving.branch.start({
    desiredSize: 0,
    enqueue() {
      if (given++ > 0) throw new TypeError("the stream is closed");
      leaving.branch.cancel();
    },
    close: () => assert(false, "the stream is closed"),
    error: () => {},
  });
  // Of several chunks, as large states are.
  s.source.set(`"${"x".repeat(1_000_000)}"`);
  assertEquals(await listener.next(), "id: 2 event: update data:");
  assertEquals(given, 1);
  await leaving.leave();
  assertEquals(await waiting, undefined);
});

Deno.test("each state is made once, however many listen", async () => {
  using s = new Setup();
  const listeners = Array.from(
    { length: 100 },
    () => new Listener(s),
  );
  await Promise.all(listeners.map((l) => l.next()));
  s.source.set("2");
  const frames = await Promise.all(listeners.map((l) => l.next()));
  assertEquals(new Set(frames), new Set(["id: 2 event: update data: 2"]));
  assertEquals(s.source.renders, 2);
  s.broadcast.latest(s.source);
  assertEquals(s.source.renders, 2);
});

Deno.test("states of any size arrive whole", async () => {
  using s = new Setup();
  for (const size of [0, 1, 16_383, 16_384, 1_000_000]) {
    const json = JSON.stringify("x".repeat(size));
    s.source.set(json);
    const branch = s.branches.open(
      { heartbeat: 0, patch: false, tag: false },
      () => {},
    );
    branch.attach(s.broadcast.use(s.source).topic);
    let text = "";
    for await (const chunk of branch.stream) {
      text += new TextDecoder().decode(chunk);
      if (text.endsWith("\n\n")) break;
    }
    assertEquals(text, `id: 1\nevent: init\ndata: ${json}\n\n`);
  }
});

Deno.test("heartbeats do not pile up, and give way to states", async () => {
  using s = new Setup();
  const listener = new Listener(s, { heartbeat: 0.01 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(await listener.next(), 'id: 1 event: init data: "first"');
  assertEquals(await listener.next(), "id: 0 event: heartbeat");
  s.source.set("2");
  assertEquals(await listener.next(), "id: 2 event: update data: 2");
  await listener.leave();
});

Deno.test("a listener that leaves is gone, and the topic with the last", async () => {
  using s = new Setup();
  const one = new Listener(s);
  const two = new Listener(s);
  const topic = s.broadcast.use(s.source);
  assertEquals(topic.topic.followers, 2);
  topic.release();
  assertEquals([s.broadcast.topics, s.source.watcher.receivers], [1, 2]);
  await one.leave();
  assertEquals([s.broadcast.topics, s.source.watcher.receivers], [1, 1]);
  await two.leave();
  assertEquals([topic.topic.followers, s.broadcast.topics], [0, 0]);
  assertEquals(s.source.watcher.receivers, 0);
  assert(!s.source.isSubscribed);
});

Deno.test("closing ends every stream, waiting or not", async () => {
  const s = new Setup();
  const waiting = new Listener(s);
  const stalled = new Listener(s);
  await waiting.next();
  const end = waiting.next();
  s.branches.close();
  assertEquals(await end, undefined);
  assertEquals(await stalled.next(), undefined);
});

Deno.test("patch=merge: what changed since this listener's last state, however slow it is", async () => {
  using s = new Setup();
  const set = (members: Record<string, unknown>) =>
    s.source.set(
      Object.entries(members).map(([k, v]) => [k, JSON.stringify(v)]),
    );
  set({ a: 1, b: { c: 1, d: 2 } });
  const fast = new Listener(s, { patch: true });
  const slow = new Listener(s, { patch: true });
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
  // A member that becomes null cannot be said: the whole state is.
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

Deno.test("patches replayed are the states, for random histories and readers of any speed", async () => {
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
      listener: new Listener(s, { patch: true }),
      state: undefined as unknown,
      patches: 0,
    }));
    const step = async (one: typeof listeners[number]) => {
      const frame = await one.listener.next() ?? "";
      const [, event, data = ""] = /event: (\w+) data: (.*)/.exec(frame) ?? [];
      const isPatch = event === "patch";
      one.patches += isPatch ? 1 : 0;
      const value: unknown = JSON.parse(data);
      one.state = isPatch ? applyPatch(one.state, value) : value;
    };
    for (const one of listeners) await step(one);
    for (let i = 0; i < 50; i++) {
      change();
      s.source.set([...members, ["seq", String(i)]]);
      for (const [k, one] of listeners.entries()) {
        // The first reads everything, the last almost nothing.
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

Deno.test("an answer that nobody listens to is kept until the source changes", () => {
  using s = new Setup();
  const first = s.broadcast.latest(s.source);
  assertEquals(s.broadcast.latest(s.source), first);
  assertEquals(s.source.renders, 1);
  s.source.set('"first"');
  // Made anew, but the same: what was made of it still holds.
  assert(s.broadcast.latest(s.source) === first);
  assertEquals(s.source.renders, 2);
  s.source.set("2");
  assert(s.broadcast.latest(s.source) !== first);
});

Deno.test("an answer is kept when its last listener leaves", () => {
  using s = new Setup();
  s.broadcast.use(s.source).release();
  s.broadcast.use(s.source).release();
  assertEquals(s.source.renders, 1);
  s.source.set("2");
  const { topic, release } = s.broadcast.use(s.source);
  assertEquals(s.source.renders, 2);
  const { latest } = topic;
  assert(latest instanceof State);
  assertEquals(new TextDecoder().decode(latest.body), "2");
  release();
});

Deno.test("what is kept is bounded, whatever was noted while somebody followed", () => {
  using s = new Setup();
  const text = "x".repeat(100_000);
  const content = (number: number, changed = 0) =>
    Array.from({ length: 11 }, (_, i): Member => [
      `m${i}`,
      `"${number} ${i < changed} ${text}"`,
    ]);
  for (let i = 0; i < 30; i++) {
    s.source.set(content(i, 3));
    const { release } = s.broadcast.use(s.source);
    // All of it: what was before is forgotten.
    s.source.set(content(i + 1));
    release();
  }
  const others = Array.from({ length: 40 }, (_, i) => {
    const other = new TestSource(`other ${i}`);
    other.set(content(i));
    s.broadcast.latest(other);
    return other;
  });
  for (const other of others.reverse()) s.broadcast.latest(other);
  const again = others.filter(({ renders }) => renders === 2);
  assert(again.length >= 10, `${again.length}`);
});

Deno.test("the stream of a reader that takes nothing ends", async () => {
  using s = new Setup(100);
  const listener = new Listener(s);
  await listener.next();
  s.source.set("2");
  await eventually("it is over", () => s.slow === 1 || undefined);
  assertEquals(await listener.next(), undefined);
  const idle = new Listener(s);
  await idle.next();
  const next = idle.next();
  await new Promise((resolve) => setTimeout(resolve, 400));
  s.source.set("3");
  assertEquals(await next, "id: 2 event: update data: 3");
  assertEquals(s.slow, 1);
});

Deno.test("10,000 listeners that come and go over HTTP leave nothing behind", async () => {
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  await using server = await new TestLainlet(store).ready();
  const { lainlet, url } = server;
  const round = async (i: number) => {
    const abort = new AbortController();
    const response = await fetch(
      `${url}/v2/configwatcher?watch=1&heartbeat=5&target=${i % 7}`,
      { signal: abort.signal },
    );
    await response.body?.getReader().read();
    abort.abort();
  };
  for (let i = 0; i < 10_000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, k) => round(i + k)));
  }
  await eventually(
    "all are gone",
    () =>
      lainlet.limits.listeners === 0 && lainlet.counters.connections === 0
        ? true
        : undefined,
  );
  assertEquals(lainlet.views.topics, 0);
  assertEquals(lainlet.cluster.config.receivers, 0);
});

Deno.test("a listener that does not read holds up nobody, and grows nothing", async () => {
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  await using server = await new TestLainlet(store).ready();
  const port = Number(new URL(server.url).port);
  const stalled = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      const request =
        "GET /v2/configwatcher?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n";
      await conn.write(new TextEncoder().encode(request));
      return conn;
    }),
  );
  try {
    await using reader = await Stream.open(
      `${server.url}/v2/configwatcher?watch=1`,
    );
    await reader.next();
    const padding = "x".repeat(500_000);
    const before = Deno.memoryUsage();
    for (let i = 1; i <= 200; i++) {
      store.put("/lain/config/a", `${i}${padding}`);
      const event = await reader.next();
      assertEquals(event?.id, String(i + 1));
    }
    // 20 listeners missed 100 MB each.
    const after = Deno.memoryUsage();
    const grown = after.heapUsed + after.external - before.heapUsed -
      before.external;
    assert(grown < 200e6, `${grown} bytes more`);
    assertEquals((await get(`${server.url}/healthz`)).status, 200);
    assertEquals(server.lainlet.limits.listeners, 21);
  } finally {
    stalled.forEach((conn) => conn.close());
  }
});
