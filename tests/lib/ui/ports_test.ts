import FakeTimers from "@sinonjs/fake-timers";
import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../../../lib/store/memory.ts";
import {
  Feeds,
  type FeedSource,
  type FeedState,
  type Subscription,
} from "../../../lib/ui/feeds.ts";
import {
  applyChange,
  changeOf,
  servePort,
  SharedFeeds,
} from "../../../lib/ui/ports.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

Deno.test("ports: a change leads from any data to any other, and parts that are equal stay", () => {
  const before = JSON.parse('{"__proto__":1,"b":{"x":1},"d":2}');
  const { b } = before;
  for (
    const after of [
      before,
      { b: { x: 2 }, d: 2 },
      { a: 1, b, c: [1], d: 3 },
      JSON.parse('{"__proto__":2,"constructor":1}'),
      {},
      [1],
      "text",
    ]
  ) {
    const change = changeOf(before, after);
    const sent: unknown = structuredClone(change);
    assertEquals(sent, change);
    assertEquals(change === undefined, after === before);
    if (change === undefined) continue;
    const applied = applyChange(before, change);
    assertEquals(JSON.stringify(applied), JSON.stringify(after));
    assertEquals(applyChange(undefined, changeOf([], after) ?? change), after);
  }
  const next = applyChange(before, changeOf(before, { ...before, d: 3 })!);
  assert(Object(next).b === b);
});

/** As much of a window as a source of views needs. */
function windowOf(lainlet: TestLainlet) {
  const feeds = new Feeds(lainlet.url);
  const ports: MessagePort[] = [];
  let fail = () => {};
  const source = new SharedFeeds((onFail) => {
    fail = onFail;
    const { port1, port2 } = new MessageChannel();
    servePort(port1, feeds);
    ports.push(port1, port2);
    return port2;
  }, () => feeds);
  return {
    source,
    fail: () => fail(),
    [Symbol.dispose]() {
      source.close();
      for (const port of ports) port.close();
    },
  };
}

Deno.test("ports: a ready window gets changes, a hidden one none; without a worker a window has its own views", async () => {
  const store = new MemoryStore([["/lain/config/a", "1"], [
    "/lain/config/b",
    "1",
  ]]);
  await using lainlet = await new TestLainlet(store).ready();
  using one = windowOf(lainlet);
  let last: FeedState = {};
  const data = (): Record<string, string> => Object(last.data);
  const subscription = one.source.subscribe(
    "configwatcher",
    {},
    (state) => last = state,
  );
  const has = (value: string) =>
    eventually(`a is ${value}`, () => data().a === value || undefined);
  await has("1");
  store.put("/lain/config/a", "2");
  await has("2");
  assertEquals(data().b, "1");
  subscription.pause();
  await eventually(
    "no stream",
    () => lainlet.lainlet.limits.listeners === 0 || undefined,
  );
  store.put("/lain/config/a", "3");
  subscription.resume();
  await has("3");
  // The worker cannot be had.
  one.fail();
  store.put("/lain/config/a", "4");
  await has("4");
  subscription.end();
  await eventually(
    "no stream",
    () => lainlet.lainlet.limits.listeners === 0 || undefined,
  );
});

/** A view that has a state at once, and how many subscribers it has. */
class OneView implements FeedSource {
  subscribers = 0;

  subscribe(
    _name: string,
    _params: unknown,
    onState: (state: FeedState) => void,
  ): Subscription {
    this.subscribers++;
    onState({ data: { a: 1 }, isOpen: true });
    return {
      pause: () => {},
      resume: () => {},
      end: () => void this.subscribers--,
    };
  }
}

Deno.test("ports: a window that does not respond is removed, and subscribes again when it does; a silent worker is left", async () => {
  const clock = FakeTimers.install({
    toFake: ["clearInterval", "performance", "setInterval"],
  });
  const ports: MessagePort[] = [];
  /** The next message that a port gets. */
  const next = (port: MessagePort) =>
    new Promise<unknown>((resolve) =>
      port.onmessage = ({ data }) => resolve(data)
    );
  try {
    const view = new OneView();
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    servePort(port1, view);
    const subscribe = { type: "subscribe", id: 7, name: "nodes", params: {} };
    const first = next(port2);
    port2.postMessage(subscribe);
    assertEquals(await first, {
      id: 7,
      state: { isOpen: true },
      change: { text: '{"a":1}' },
    });
    clock.tick(40_000);
    assertEquals(view.subscribers, 0);
    const answer = next(port2);
    port2.postMessage({ type: "ready", id: 7 });
    assertEquals(await answer, { id: 7 });
    const again = next(port2);
    port2.postMessage(subscribe);
    await again;
    assertEquals(view.subscribers, 1);

    // A window of which the worker is ended.
    const channels: MessageChannel[] = [];
    const source = new SharedFeeds(() => {
      const channel = new MessageChannel();
      ports.push(channel.port1, channel.port2);
      channels.push(channel);
      return channel.port2;
    }, () => view);
    let last: FeedState = {};
    source.subscribe("nodes", {}, (state) => last = state);
    clock.tick(40_000);
    assertEquals(channels.length, 2);
    const [, second] = channels;
    assert(second);
    servePort(second.port1, view);
    await eventually("its state", () => {
      clock.tick(100);
      return Object(last.data).a || undefined;
    });
    source.close();
  } finally {
    clock.uninstall();
    for (const port of ports) port.close();
  }
});
