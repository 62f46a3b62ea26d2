import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  Client,
  LimitError,
  PeerError,
  RefusedError,
  type Update,
  type WatchStatus,
} from "../../../lib/client/client.ts";
import { parseExact } from "../../../lib/json.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { groupKey, groupValue } from "../../../scripts/cluster.ts";
import { cluster } from "../../util/golden.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { groupAt } from "../../util/example.ts";
import { collectGarbage } from "../../util/leaks.ts";
import { eventually } from "../../util/process.ts";
import { nested } from "../../util/example.ts";
import { Proxy } from "../../util/proxy.ts";

const CONFIG = "/lain/config/";

/** A lainlet behind a connection that can fail, and its client. */
async function serve(
  content: Iterable<readonly [string, string]> = Object.entries(cluster),
) {
  const stack = new AsyncDisposableStack();
  const store = new MemoryStore(content);
  const lainlet = stack.use(new TestLainlet(store));
  await lainlet.ready();
  const proxy = stack.use(new Proxy(lainlet.url));
  return {
    store,
    lainlet,
    proxy,
    client: new Client(proxy.url),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

/** Reads a watch, and records its updates and statuses. */
class Reading<T> implements AsyncDisposable {
  readonly updates: Update<T>[] = [];
  readonly statuses: WatchStatus[] = [];
  readonly #abort = new AbortController();
  readonly done: Promise<unknown>;

  constructor(
    watch: (options: {
      signal: AbortSignal;
      onStatus: (status: WatchStatus) => void;
    }) => AsyncIterable<Update<T>>,
  ) {
    const options = {
      signal: this.#abort.signal,
      onStatus: (status: WatchStatus) => {
        this.statuses.push(status);
      },
    };
    this.done = (async () => {
      for await (const update of watch(options)) this.updates.push(update);
    })().catch((error) => error);
  }

  /** The update of this number, counted from 1. */
  nth(count: number): Promise<Update<T>> {
    return eventually(`update ${count}`, () => this.updates[count - 1]);
  }

  status(what: string, test: (status: WatchStatus) => boolean): Promise<true> {
    return eventually(what, () => {
      const last = this.statuses.at(-1);
      return last !== undefined && test(last) || undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.done;
  }
}

Deno.test("client: get returns the state, or throws lainlet's message", async () => {
  await using s = await serve();
  const { client } = s;
  const procs = await client.get("procwatcher", { appname: "console" });
  assertEquals(procs.length > 0, true);
  assertEquals((await client.get("/debug", {})).store.source, "memory");
  const refused = await assertRejects(
    () => client.get("procwatcher", { appname: "" }),
    RefusedError,
    "appname required",
  );
  assertEquals(refused.status, 400);
  s.proxy.fault = "cut";
  await assertRejects(() => client.get("nodes", {}), PeerError);
});

Deno.test("client: a watch yields each state once, with the previous one", async () => {
  await using s = await serve(
    Array.from({ length: 20 }, (_, i) => [`${CONFIG}n${i}`, `${i}`]),
  );
  await using reading = new Reading((options) =>
    s.client.watch("configwatcher", {}, options)
  );
  const init = await reading.nth(1);
  assertEquals([init.kind, init.previous, init.isAfterGap], [
    "init",
    undefined,
    false,
  ]);
  s.store.put(`${CONFIG}a`, "new");
  const update = await reading.nth(2);
  assertEquals(update.kind, "update");
  assert(update.previous === init.data);
  assertEquals(update.data, { ...init.data, a: "new" });
  // Sorted as lainlet sends it, though the new member came by a patch.
  assertEquals(Object.keys(update.data)[0], "a");
  s.store.delete(`${CONFIG}a`);
  assertEquals((await reading.nth(3)).data, init.data);
});

Deno.test("client: a watch ends when its signal aborts, also while it waits to retry", async () => {
  await using s = await serve();
  const abort = new AbortController();
  const { signal } = abort;
  const watch = s.client.watch("nodes", {}, { signal });
  await watch.next();
  for (let i = 0; i < 3; i++) await collectGarbage();
  abort.abort();
  assertEquals((await watch.next()).done, true);
  await eventually(
    "lainlet has nobody",
    () => s.lainlet.lainlet.limits.listeners === 0 || undefined,
  );
});

Deno.test("client: numbers are as exact as the given parser", async () => {
  const group = JSON.parse(groupValue(groupAt("192.0.2.2")));
  group.Spec.Pod.Containers[0].MemoryLimit = "LIMIT";
  const text = JSON.stringify(group).replace('"LIMIT"', "9223372036854771712");
  await using s = await serve([["/lain/deployd/pod_groups/a/a.web.web", text]]);
  const client = new Client(s.proxy.url, parseExact);
  const data = await client.get("coreinfowatcher", {});
  assertEquals(JSON.stringify(data).includes("9223372036854771712"), true);
});

Deno.test("client: it reconnects, marks the gap, does not repeat a state, and gets only what changed", async () => {
  const big = "x".repeat(100_000);
  await using s = await serve([[`${CONFIG}big`, big], [`${CONFIG}a`, "1"]]);
  await using reading = new Reading((options) =>
    s.client.watch("configwatcher", {}, options)
  );
  await reading.nth(1);
  const { sent } = s.proxy;
  s.proxy.fault = "cut";
  await reading.status("it is lost", ({ isOpen }) => !isOpen);
  s.proxy.fault = "none";
  await reading.status("it is open again", ({ isOpen }) => isOpen);
  // The state is the same: there is no update.
  assertEquals(reading.updates.length, 1);
  s.proxy.fault = "cut";
  await reading.status("it is lost", ({ isOpen }) => !isOpen);
  s.store.put(`${CONFIG}a`, "1");
  s.store.put(`${CONFIG}a`, "2");
  s.proxy.fault = "none";
  const { kind, data, previous, isAfterGap } = await reading.nth(2);
  assertEquals([kind, isAfterGap, data.a], ["update", true, "2"]);
  assertEquals({ ...previous, a: "2" }, data);
  s.store.put(`${CONFIG}a`, "3");
  assertEquals((await reading.nth(3)).isAfterGap, false);
  assert(sent > big.length && s.proxy.sent - sent < big.length / 10);
});

Deno.test("client: a view without patches is watched by whole states", async () => {
  const group = groupAt("192.0.2.2");
  await using s = await serve([[groupKey(group), groupValue(group)]]);
  await using reading = new Reading((options) =>
    s.client.watch("localspecwatcher", { nodeip: "n" }, options)
  );
  assertEquals((await reading.nth(1)).data, ["a/a.web.web"]);
  s.store.delete(groupKey(group));
  const { kind, data } = await reading.nth(2);
  assertEquals([kind, data], ["delete", []]);
});

Deno.test("client: a watch without a state waits for one, also over a restart", async () => {
  const key = groupKey(groupAt(""));
  await using s = await serve([[key, groupValue(groupAt(""))]]);
  await using reading = new Reading((options) =>
    s.client.watch("webrouter/webprocs", {}, options)
  );
  const isWithout = ({ isOpen, problem = "" }: WatchStatus) =>
    isOpen && problem.includes("lost their IPs");
  await reading.status("there is no state", isWithout);
  s.proxy.fault = "cut";
  await reading.status("it is lost", ({ isOpen }) => !isOpen);
  s.proxy.fault = "none";
  await reading.status("there is no state again", isWithout);
  assertEquals(reading.updates, []);
  s.store.put(key, groupValue(groupAt("192.0.2.2")));
  assertEquals((await reading.nth(1)).kind, "init");
  assertEquals(reading.statuses.at(-1), { isOpen: true });
});

Deno.test("client: a watch that is refused throws, and ends", async () => {
  await using s = await serve();
  await using reading = new Reading((options) =>
    s.client.watch("procwatcher", { appname: "" }, options)
  );
  const error = await reading.done;
  assert(error instanceof RefusedError);
  assertEquals([error.status, error.message], [400, "appname required"]);
  assertEquals(reading.statuses, []);
});

Deno.test("client: errors of callbacks are thrown, without a retry", async (t) => {
  await using s = await serve();
  const failure = new Error("of the caller's own");
  const fail = (): never => {
    throw failure;
  };
  const watches: Record<string, () => AsyncGenerator<unknown>> = {
    "the parser": () => new Client(s.proxy.url, fail).watch("nodes", {}),
    "onStatus": () => s.client.watch("nodes", {}, { onStatus: fail }),
    "onStatus, of a stream that says an error": () =>
      s.client.watch("webrouter/webprocs", { appname: "a" }, {
        onStatus: fail,
      }),
    "the loop": async function* () {
      const states = s.client.watch("nodes", {});
      yield await states.next();
      yield await states.throw(failure);
    },
  };
  s.store.put(groupKey(groupAt("")), groupValue(groupAt("")));
  for (const [name, watch] of Object.entries(watches)) {
    await t.step(name, async () => {
      const before = s.proxy.accepted;
      const error = await assertRejects(async () => {
        for await (const _ of watch());
      }, Error);
      assert(error === failure);
      assertEquals(s.proxy.accepted - before, 1);
    });
  }
  await assertRejects(
    () => new Client("127.0.0.1:9001").watch("nodes", {}).next(),
    TypeError,
  );
});

Deno.test("client: a response beyond the limits is reported as such, and retried", async () => {
  const deep = nested(501);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) =>
      url.includes("watch=1")
        ? new Response(`id: 1\nevent: init\ndata: ${deep}\n\n`, {
          headers: { "Content-Type": "text/event-stream" },
        })
        : new Response(deep),
  );
  const client = new Client(`http://127.0.0.1:${server.addr.port}`);
  await assertRejects(
    () => client.get("nodes", {}),
    LimitError,
    "it is nested deeper than 500",
  );
  await using reading = new Reading((options) =>
    client.watch("nodes", {}, options)
  );
  await eventually("it is asked twice", () => reading.statuses[1]);
  assertEquals(reading.statuses[1], {
    isOpen: true,
    problem: "the response cannot be read: it is nested deeper than 500",
  });
  assertEquals(reading.updates, []);
});

Deno.test("client: it works without JSON.rawJSON, which older browsers and Node.js 20 lack", async () => {
  await using s = await serve();
  const { isRawJSON, rawJSON } = JSON;
  Reflect.deleteProperty(JSON, "isRawJSON");
  Reflect.deleteProperty(JSON, "rawJSON");
  try {
    const client = new Client(s.proxy.url, parseExact);
    await using reading = new Reading((options) =>
      client.watch("configwatcher", {}, options)
    );
    const { data } = await reading.nth(1);
    s.store.put(`${CONFIG}a`, "new");
    assertEquals((await reading.nth(2)).data, { ...data, a: "new" });
    assertEquals(s.proxy.accepted, 1);
    assertEquals(parseExact('[1.0,{"a":9223372036854775807}]'), [
      1,
      { a: 2 ** 63 },
    ]);
  } finally {
    Object.assign(JSON, { isRawJSON, rawJSON });
  }
});

Deno.test("client: it is typed from the endpoints' declarations", async () => {
  await using s = await serve();
  const { client } = s;
  const info = await client.get("coreinfowatcher", { appname: "console" });
  const memory: number[] = Object.values(info).flatMap(({ PodInfos }) =>
    PodInfos.flatMap(({ ContainerInfos }) =>
      ContainerInfos.map(({ Memory }) => Memory)
    )
  );
  assert(memory.length > 0);
  const ports: number[] = await client.get("streamrouter/ports", {});
  assert(ports.every((port) => Number.isInteger(port)));
  // Not run: the compiler checks it.
  const wrong = [
    // @ts-expect-error: appname is required
    () => client.get("procwatcher", {}),
    // @ts-expect-error: nodes has no such parameter
    () => client.get("nodes", { appname: "a" }),
    // @ts-expect-error: that cannot be watched
    () => client.watch("/debug", {}),
    // @ts-expect-error: there is no such endpoint
    () => client.get("nope", {}),
    // @ts-expect-error: settings are strings
    async () => (await client.get("configwatcher", {})).a?.PodInfos,
  ];
  assertEquals(wrong.length, 5);
});

Deno.test("client: a compressed watch gets its first state by a GET, continues from its tag, and says how much is there", async () => {
  await using s = await serve([["/lain/config/a", "1"]]);
  // More than a stream may begin with.
  for (let i = 0; i < 20; i++) {
    s.store.put(`${CONFIG}large/${i}`, `${i}`.repeat(60_000));
  }
  const whole = () => s.proxy.sent > 1_000_000;
  await using reading = new Reading((options) =>
    s.client.watch("configwatcher", {}, { ...options, compressed: true })
  );
  const { data, etag } = await reading.nth(1);
  assertEquals(Object.keys(data).length, 21);
  const sizes = reading.statuses.flatMap(({ progress }) => progress ?? []);
  const last = sizes.at(-1);
  assert(last && last.total === last.loaded && last.loaded > 1_000_000);
  assertEquals(whole(), false);
  s.store.put(`${CONFIG}a`, "2");
  assertEquals((await reading.nth(2)).data.a, "2");
  assertEquals(whole(), false);

  // From a state that lainlet remembers, it goes on with a patch.
  await using resumed = new Reading((options) =>
    s.client.watch("configwatcher", {}, {
      ...options,
      compressed: true,
      from: { data, etag },
    })
  );
  const first = await resumed.nth(1);
  assertEquals([first.data.a, first.previous], ["2", data]);
  assertEquals(first.isAfterGap, true);
  assertEquals(first.data["large/1"], data["large/1"]);
  assertEquals(whole(), false);

  // From one that it does not remember, with another GET.
  const unknown = `"${"x".repeat(43)}"`;
  const { sent } = s.proxy;
  await using lost = new Reading((options) =>
    s.client.watch("configwatcher", {}, {
      ...options,
      compressed: true,
      from: { data: {}, etag: unknown },
    })
  );
  assertEquals((await lost.nth(1)).data.a, "2");
  await lost.status("it follows", ({ isOpen }) => isOpen);
  assert(lost.statuses.some(({ progress }) => progress !== undefined));
  s.store.put(`${CONFIG}a`, "3");
  assertEquals((await lost.nth(2)).data.a, "3");
  assert(s.proxy.sent > sent);
});

Deno.test("client: a compressed watch waits with a stream until there is a state", async () => {
  const store = new MemoryStore([]);
  await using lainlet = new TestLainlet(store);
  const client = new Client(lainlet.url);
  await using reading = new Reading((options) =>
    client.watch("configwatcher", {}, { ...options, compressed: true })
  );
  await reading.status(
    "why there is none",
    ({ isOpen, problem = "" }) => isOpen && problem.startsWith("no state yet:"),
  );
  assertEquals(reading.statuses.filter(({ isOpen }) => !isOpen), []);
  store.put(`${CONFIG}a`, "1");
  assertEquals((await reading.nth(1)).data, { a: "1" });
});

Deno.test("client: a watch continues from the state of a GET, though there was no listener then", async () => {
  await using s = await serve([[`${CONFIG}a`, "1"], [`${CONFIG}b`, "1"]]);
  const response = await fetch(`${s.lainlet.url}/v2/configwatcher`);
  const etag = response.headers.get("ETag") ?? "";
  const data: Record<string, string> = await response.json();
  s.store.put(`${CONFIG}a`, "2");
  // Another one has asked meanwhile.
  await s.client.get("configwatcher", {});
  s.store.put(`${CONFIG}a`, "3");
  const since = `since=${encodeURIComponent(etag)}`;
  const watch = await fetch(
    `${s.lainlet.url}/v2/configwatcher?watch=1&patch=merge&tag=1&${since}`,
  );
  const reader = watch.body?.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader?.read() ?? {};
  assertMatch(value ?? "", /event: patch\ndata: {"a":"3"}\n/);
  await reader?.cancel();
  assertEquals(data, { a: "1", b: "1" });
});
