import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { Feeds, type FeedState } from "../../../lib/ui/feeds.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

/** A subscriber, and what it was told. */
function subscriber() {
  const states: FeedState[] = [];
  return {
    states,
    onState: (state: FeedState) => void states.push(state),
    get problem() {
      return states.at(-1)?.problem;
    },
    get data(): Readonly<Record<string, unknown>> | undefined {
      const data = states.at(-1)?.data;
      return data === undefined ? undefined : Object(data);
    },
  };
}

Deno.test("feeds: a view is watched once for all, and ends with the last subscriber", async () => {
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  await using lainlet = await new TestLainlet(store).ready();
  const streams = () => lainlet.lainlet.limits.listeners;
  const feeds = new Feeds(lainlet.url);
  const [one, two] = [subscriber(), subscriber()];
  const first = feeds.subscribe("configwatcher", {}, one.onState);
  await eventually("a state", () => one.data?.a === "1" || undefined);
  const second = feeds.subscribe("configwatcher", {}, two.onState);
  // It is there at once.
  assertEquals(two.data, { a: "1" });
  // The first state comes by a GET, and may be there before the stream.
  await eventually("one stream", () => streams() === 1 || undefined);
  first.end();
  store.put("/lain/config/a", "2");
  await eventually("another", () => two.data?.a === "2" || undefined);
  assertEquals(one.data, { a: "1" });
  second.pause();
  await eventually("no stream", () => streams() === 0 || undefined);
  store.put("/lain/config/a", "3");
  second.resume();
  await eventually("what it missed", () => two.data?.a === "3" || undefined);
  second.end();
  await eventually("no stream", () => streams() === 0 || undefined);
});

Deno.test("feeds: more views than there may be streams take turns, and all are live", async () => {
  const names = Array.from({ length: 6 }, (_, i) => `name${i}`);
  const store = new MemoryStore(
    names.map((name) => [`/lain/config/${name}`, "1"] as const),
  );
  await using lainlet = await new TestLainlet(store).ready();
  const feeds = new Feeds(lainlet.url);
  let most = 0;
  const all = names.map((target) => {
    const one = subscriber();
    const subscription = feeds.subscribe(
      "configwatcher",
      { target },
      (state) => {
        most = Math.max(most, lainlet.lainlet.limits.listeners);
        one.onState(state);
      },
    );
    return { one, subscription, target };
  });
  for (const value of ["1", "2", "3"]) {
    for (const name of names) store.put(`/lain/config/${name}`, value);
    for (const { one, target } of all) {
      await eventually(target, () => one.data?.[target] === value || undefined);
    }
  }
  assert(most <= 3, `${most} streams`);
  for (const { subscription } of all) subscription.end();
  await eventually(
    "no stream",
    () => lainlet.lainlet.limits.listeners === 0 || undefined,
  );
});

Deno.test("feeds: after a refusal, and after any other error, it is tried again", async () => {
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  await using lainlet = await new TestLainlet(store).ready();
  let isRefused = true;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ signal, url }) => {
      if (isRefused) return new Response("not yet", { status: 403 });
      const { pathname, search } = new URL(url);
      return fetch(lainlet.url + pathname + search, { signal });
    },
  );
  const { parse } = JSON;
  let isBroken = false;
  // The client takes it when it is made.
  JSON.parse = (text) => {
    if (isBroken) throw new RangeError("it does not fit");
    return parse(text);
  };
  const feeds = new Feeds(`http://127.0.0.1:${server.addr.port}`, 50);
  JSON.parse = parse;
  const one = subscriber();
  const subscription = feeds.subscribe("configwatcher", {}, one.onState);
  await eventually("a refusal", () => one.problem === "not yet" || undefined);
  assertEquals(one.states.at(-1)?.isOpen, false);
  isRefused = false;
  await eventually("a state", () => one.data?.a === "1" || undefined);
  assertEquals(one.problem, undefined);
  isBroken = true;
  store.put("/lain/config/a", "2");
  await eventually(
    "an error",
    () => one.problem === "it does not fit" || undefined,
  );
  assertEquals(one.data, { a: "1" });
  isBroken = false;
  await eventually("another state", () => one.data?.a === "2" || undefined);
  assertEquals(one.problem, undefined);
  subscription.end();
});
