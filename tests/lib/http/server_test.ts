import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { groupKey, groupValue } from "../../../scripts/cluster.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import type { Item, Store } from "../../../lib/store/store.ts";
import { get, Stream } from "../../util/client.ts";
import { cluster } from "../../util/golden.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

const golden = () => new MemoryStore(Object.entries(cluster));

Deno.test("a GET is JSON with sorted keys, a strong tag, and the same bytes each time", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const path = `${server.url}/v2/coreinfowatcher`;
  const [one, two] = [await get(path), await get(path)];
  assertEquals(
    one.headers.get("content-type"),
    "application/json; charset=utf-8",
  );
  assertEquals(one.headers.get("cache-control"), "no-cache");
  assertMatch(one.headers.get("etag") ?? "", /^"[^"]+"$/);
  assertEquals(one.body, two.body);
  assertEquals(one.headers.get("etag"), two.headers.get("etag"));
  JSON.parse(one.body, function (_key, value) {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      assertEquals(Object.keys(value), Object.keys(value).sort());
    }
    return value;
  });
});

Deno.test("If-None-Match gets 304 until the state changes, in each encoding", async () => {
  const store = golden();
  await using server = await new TestLainlet(store).ready();
  const path = `${server.url}/v2/nodes`;
  const ask = (encoding: string, tag = "") =>
    get(path, "127.0.0.1", {
      headers: { "Accept-Encoding": encoding, "If-None-Match": tag },
    });
  const tags: string[] = [];
  for (const encoding of ["gzip", "identity"]) {
    const { headers, status } = await ask(encoding);
    const tag = headers.get("etag") ?? "";
    tags.push(tag);
    assertEquals(status, 200);
    const again = await ask(encoding, tag);
    assertEquals([again.status, again.body], [304, ""]);
    assertEquals(again.headers.get("etag"), tag);
    assertEquals((await ask(encoding, `"x", W/${tag}`)).status, 304);
    assertEquals((await ask(encoding, '"x"')).status, 200);
  }
  assertEquals(new Set(tags).size, 2);
  store.put("/lain/nodes/nodes/node9:192.168.77.29:22", "{}");
  const changed = await eventually("the change is served", async () => {
    const answer = await ask("identity", tags[1]);
    return answer.status === 200 ? answer : undefined;
  });
  assert(changed.body.includes("node9"));
});

Deno.test("paths and methods", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const ask = (path: string, method = "GET") =>
    get(server.url + path, "127.0.0.1", { method });
  const slash = await ask("/v2/nodes/");
  assertEquals(slash.body, (await ask("/v2/nodes")).body);
  for (
    const path of [
      "/v2",
      "/v2/",
      "/v2/nosuch",
      "/v2//nodes",
      "/v2/nodes//",
      "/v2/nodes/x",
      "/V2/nodes",
    ]
  ) {
    const { status, body } = await ask(path);
    assertEquals([path, status, body], [path, 404, "404 not found"]);
  }
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    const { status, headers } = await ask("/v2/nodes", method);
    assertEquals([status, headers.get("allow")], [405, "GET, HEAD"]);
  }
  const head = await ask("/v2/nodes", "HEAD");
  assertEquals([head.status, head.body], [200, ""]);
  assertMatch(head.headers.get("etag") ?? "", /^"/);
  const watch = await ask("/v2/nodes?watch=1", "HEAD");
  assertEquals([watch.status, watch.body], [200, ""]);
  assertEquals(watch.headers.get("content-type"), "text/event-stream");
});

Deno.test("a refused watch is one error event, and its end", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const refusals: [path: string, from: string, message: string][] = [
    ["/v2/procwatcher?watch=1", "127.0.0.1", "appname required"],
    ["/v2/nodes?watch=1", "127.20.0.12", "authorize failed, super required"],
    [
      "/v2/coreinfowatcher?watch=1&appname=console",
      "127.20.0.12",
      "authorize failed, no permission",
    ],
    [
      "/v2/coreinfowatcher?watch=1",
      "127.99.0.1",
      "authorize failed, can not confirm the app by request ip",
    ],
    [
      "/v2/nodes?watch=1&heartbeat=x",
      "127.0.0.1",
      "heartbeat must be a whole number of seconds",
    ],
  ];
  for (const [path, from, message] of refusals) {
    await using stream = await Stream.open(server.url + path, from);
    assertEquals(stream.response.status, 200);
    assertEquals(
      stream.response.headers.get("content-type"),
      "text/event-stream",
    );
    assertEquals(await stream.next(), {
      id: "0",
      event: "error",
      data: message,
    });
    assertEquals(await stream.next(), undefined);
  }
  assertEquals(server.lainlet.limits.listeners, 0);
  // A GET pays no heed to a heartbeat.
  for (const [path, from, message] of refusals.slice(0, -1)) {
    const { body } = await get(server.url + path.replace("watch=1", ""), from);
    assertEquals(body, message);
  }
});

Deno.test("a stream says what it is", async () => {
  await using server = await new TestLainlet(golden()).ready();
  await using stream = await Stream.open(`${server.url}/v2/nodes?watch=1`);
  const { headers } = stream.response;
  assertEquals(headers.get("content-type"), "text/event-stream");
  assertEquals(headers.get("cache-control"), "no-cache");
  assertEquals(headers.get("x-accel-buffering"), "no");
});

Deno.test("watch and heartbeat take what the contract says", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const status = async (query: string) =>
    (await get(`${server.url}/v2/nodes?${query}`)).status;
  for (
    const query of [
      "watch=",
      "watch=0",
      "watch=False",
      "watch=no",
      "watch=OFF",
      "heartbeat=0",
      "heartbeat=",
      "heartbeat=5",
      // A GET pays no heed to it.
      "heartbeat=x",
      "heartbeat=-1",
    ]
  ) {
    assertEquals([query, await status(query)], [query, 200]);
  }
  for (const query of ["watch=2", "watch=y", "watch=tru", "watch=%20"]) {
    assertEquals([query, await status(query)], [query, 400]);
  }
  const first = async (query: string) => {
    await using stream = await Stream.open(`${server.url}/v2/nodes?${query}`);
    return (await stream.next())?.event;
  };
  for (const watch of ["1", "true", "True", "TRUE", "yes", "on", "On"]) {
    assertEquals([watch, await first(`watch=${watch}`)], [watch, "init"]);
  }
  for (const heartbeat of ["-1", "1.5", "1s", "x", "99999999999"]) {
    assertEquals(
      [heartbeat, await first(`watch=1&heartbeat=${heartbeat}`)],
      [heartbeat, "error"],
    );
  }
});

Deno.test("* is all, to those who may see it", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const ask = (path: string, from?: string) => get(server.url + path, from);
  for (
    const [path, name] of [
      ["configwatcher", "target"],
      ["depends", "target"],
      ["nodes", "name"],
      ["containers", "nodename"],
      ["coreinfowatcher", "appname"],
      ["backupspec", "appname"],
    ]
  ) {
    const all = await ask(`/v2/${path}`);
    const star = await ask(`/v2/${path}?${name}=*`);
    const told = ({ headers, ...rest }: typeof all) => {
      const { date: _, ...others } = Object.fromEntries(headers);
      return { ...rest, headers: others };
    };
    assertEquals(told(star), told(all));
    assert(all.body.length > 100, all.body);
    const other = await ask(`/v2/${path}?${name}=*`, "127.20.0.12");
    assertEquals([path, other.status], [path, 403]);
  }
});

Deno.test("an empty store at the start is no state, later emptiness is", async () => {
  const store = new MemoryStore();
  await using server = new TestLainlet(store);
  const ask = (path: string) => get(server.url + path);
  await eventually("/readyz says so", async () => {
    const { status, body } = await ask("/readyz");
    assertEquals([status, body], [503, "the store holds nothing under /lain/"]);
    return true;
  });
  for (const path of ["/v2/nodes", "/v2/appswatcher", "/appname?ip=1.2.3.4"]) {
    const { status, headers } = await ask(path);
    assertEquals([path, status, headers.get("retry-after")], [path, 503, "1"]);
  }
  await using apps = await Stream.open(`${server.url}/v2/appswatcher?watch=1`);
  await using nodes = await Stream.open(`${server.url}/v2/nodes?watch=1`);
  const key = "/lain/nodes/nodes/n:10.0.0.1:22";
  store.put(key, "{}");
  const init = { id: "1", event: "init" };
  assertEquals(await apps.next(), { ...init, data: {} });
  assertEquals(await nodes.next(), { ...init, data: { "n:10.0.0.1:22": {} } });
  assertEquals((await ask("/readyz")).status, 200);
  store.delete(key);
  assertEquals(await nodes.next(), { id: "2", event: "delete", data: {} });
  assertEquals((await ask("/v2/nodes")).body, "{}");
  assertEquals((await ask("/readyz")).status, 200);
});

/** A store whose first read of each subtree can be held back. */
class SlowStore implements Store {
  readonly #opened = new Map<string, PromiseWithResolvers<void>>();
  readonly #store = golden();
  readonly status = { ...this.#store.status, problems: ["away"] };
  /** What every prefix's age is, in ms. */
  time = 0;

  age(): number {
    return this.time;
  }

  prove(prefix: string, signal: AbortSignal): Promise<number> {
    return this.#store.prove(prefix, signal);
  }

  /** Lets the subtrees be read whose prefix holds the text. */
  open(text = ""): void {
    for (const [prefix, { resolve }] of this.#opened) {
      if (prefix.includes(text)) resolve();
    }
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<Item> {
    const { readable, writable } = new TransformStream<Item>();
    const opened = Promise.withResolvers<void>();
    this.#opened.set(prefix, opened);
    opened.promise.then(() =>
      this.#store.watch(prefix, signal).pipeTo(writable)
    );
    return readable;
  }
}

Deno.test("a state that is not confirmed is served, and says how old it is", async () => {
  const store = new SlowStore();
  await using server = new TestLainlet(store, { staleAfter: 30_000 });
  store.status.problems[0] = 'etcd says "no" \\ é';
  store.open();
  await server.ready();
  const ask = (path: string, init: RequestInit = {}) =>
    get(server.url + path, "127.0.0.1", init);
  const { status, headers, body } = await ask("/v2/nodes");
  assertEquals([headers.get("age"), headers.get("cache-status")], [null, null]);
  assertEquals((await ask("/readyz")).status, 200);
  store.time = 29_999;
  assertEquals((await ask("/v2/nodes")).headers.get("age"), null);
  assertEquals((await ask("/readyz")).status, 200);

  store.time = 95_500;
  const old = await ask("/v2/nodes");
  assertEquals([old.status, old.body], [status, body]);
  const etag = headers.get("etag") ?? "";
  for (
    const { headers } of [
      old,
      await ask("/v2/nodes", { headers: { "If-None-Match": etag } }),
      await ask("/v2/nodes", { method: "HEAD" }),
      await ask("/v2/webrouter/webprocs?appname=nosuch"),
      await ask("/appname?ip=127.20.0.12"),
    ]
  ) {
    assertEquals(headers.get("age"), "95");
    assertEquals(
      headers.get("cache-status"),
      'lainlet; hit; ttl=-66; detail="etcd says \\"no\\" \\\\ ?"',
    );
  }
  const readyz = await ask("/readyz");
  assertEquals(readyz.status, 503);
  assert(
    readyz.body.includes("podgroup was last confirmed 95 s ago"),
    readyz.body,
  );
  const debug = JSON.parse((await ask("/debug")).body);
  assertEquals(debug.store.problems, ['etcd says "no" \\ é']);
  for (
    const confirmed of [debug.store.confirmed, debug.watchers.nodes.Confirmed]
  ) {
    const age = Date.now() - Date.parse(confirmed);
    assert(age >= 95_500 && age < 155_500, confirmed);
  }
  for (const path of ["/version", "/healthz", "/debug"]) {
    const { status, headers } = await ask(path);
    assertEquals([status, headers.get("age")], [200, null]);
  }
});

Deno.test("before the first read: GET 503, and a watch waits", async () => {
  const store = new SlowStore();
  await using server = new TestLainlet(store);
  const early = await get(`${server.url}/v2/nodes`);
  assertEquals([early.status, early.headers.get("retry-after")], [503, "1"]);
  assertEquals((await get(`${server.url}/appname`)).status, 503);
  const readyz = await get(`${server.url}/readyz`);
  assertEquals(readyz.status, 503);
  assert(readyz.body.includes("podgroup is not read yet"), readyz.body);
  assert(readyz.body.includes("away"), readyz.body);
  assertEquals((await get(`${server.url}/healthz`)).status, 200);
  assertEquals((await get(`${server.url}/version`)).body, "3.0.0");
  await using local = await Stream.open(`${server.url}/v2/nodes?watch=1`);
  await using app = await Stream.open(
    `${server.url}/v2/proxywatcher?watch=1`,
    "127.20.0.12",
  );
  await using nobody = await Stream.open(
    `${server.url}/v2/proxywatcher?watch=1`,
    "127.99.0.1",
  );
  await using gone = await Stream.open(`${server.url}/v2/nodes?watch=1`);
  await gone[Symbol.asyncDispose]();
  store.open();
  assertEquals((await local.next())?.event, "init");
  const { event, data } = (await app.next()) ?? {};
  assertEquals(event, "init");
  assertEquals(Object.keys(Object(data)), [
    "app000.web.admin",
    "app000.web.web",
  ]);
  assertEquals((await nobody.next())?.event, "error");
  await eventually(
    "only two are left",
    () => server.lainlet.limits.listeners === 2 ? true : undefined,
  );
});

Deno.test("a subtree that cannot be read keeps nobody waiting who does not need it", async () => {
  const store = new SlowStore();
  await using server = new TestLainlet(store);
  const watch = (from: string) =>
    Stream.open(`${server.url}/v2/proxywatcher?watch=1`, from);
  await using local = await watch("127.0.0.1");
  await using app = await watch("127.20.0.12");
  const { promise, reject } = Promise.withResolvers<never>();
  const next = Promise.race([app.next(), promise]);
  store.open("pod_groups");
  assertEquals((await local.next())?.event, "init");
  const path = `${server.url}/v2/proxywatcher`;
  assertEquals((await get(path)).status, 200);
  assertEquals((await get(path, "127.20.0.12")).status, 503);
  assertEquals((await get(`${server.url}/v2/nodes`)).status, 503);
  reject(new Error("the app's rights were not known, and nothing came"));
  await assertRejects(() => next, Error, "nothing came");
  store.open();
});

Deno.test("/debug counts, and tells no value", async () => {
  const store = golden();
  await using server = await new TestLainlet(store).ready();
  await using stream = await Stream.open(
    `${server.url}/v2/configwatcher?watch=1`,
  );
  await stream.next();
  store.put("/lain/config/etcd_cluster_token", "tok-new");
  await stream.next();
  const { status, body } = await get(`${server.url}/debug`);
  assertEquals(status, 200);
  const debug = JSON.parse(body);
  assertEquals([debug.connections, debug.goroutines], [2, 1]);
  assertEquals(Object.keys(debug.watchers).sort(), [
    "config",
    "container",
    "depends",
    "nodes",
    "podgroup",
  ]);
  const { NumReceivers, UpdateTime, LastEvent, TotalKeys } =
    debug.watchers.config;
  assertEquals([NumReceivers, TotalKeys], [1, 24]);
  assert(!Number.isNaN(Date.parse(UpdateTime)));
  assertEquals(LastEvent, {
    Action: "update",
    Key: "/lain/config/etcd_cluster_token",
    ModifiedIndex: 2,
  });
  const { source, revision, reconnects, missed } = debug.store;
  assertEquals([source, revision, reconnects, missed], ["memory", 2, 0, 0]);
  assertEquals(debug.watchers.config.Differences, 0);
  for (const value of ["tok-new", "s3cr3t-7"]) assert(!body.includes(value));
  await stream[Symbol.asyncDispose]();
  await eventually("the stream is gone", async () => {
    const { connections, goroutines } = JSON.parse(
      (await get(`${server.url}/debug`)).body,
    );
    return connections === 1 && goroutines === 0 ? true : undefined;
  });
});

Deno.test("an idle stream gets a comment, and lives on", async () => {
  const store = golden();
  await using server = await new TestLainlet(store, { idle: 50 }).ready();
  const { body } = await fetch(`${server.url}/v2/nodes?watch=1&name=none`);
  let text = "";
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (text.endsWith(":\n:\n")) store.put("/lain/nodes/nodes/none:1:22", "{}");
    if (text.includes("update")) break;
  }
  assertMatch(
    text,
    /^id: 1\nevent: init\ndata: {}\n\n(:\n)+id: 2\nevent: update\ndata: {"none:1:22":{}}\n\n/,
  );
});

Deno.test("more listeners than there may be, in all or to one address, get 503", async () => {
  const limits = { listeners: 3, listenersPerAddress: 2 };
  await using server = await new TestLainlet(golden(), { limits }).ready();
  const url = `${server.url}/v2/appswatcher?watch=1`;
  const refused = async (from: string) => {
    const { status, headers, body } = await get(url, from);
    return [status, headers.get("retry-after"), body];
  };
  const all = "too many listeners: 3 are served at a time";
  const one = "too many listeners: 2 are served at a time to one address";
  const first = await Stream.open(url);
  await using second = await Stream.open(url);
  assertEquals(await refused("127.0.0.1"), [503, "10", one]);
  // Whoever is refused for another reason has a place as long as that takes.
  await using other = await Stream.open(url, "127.0.0.9");
  assertEquals((await other.next())?.event, "error");
  assertEquals(await other.next(), undefined);
  await eventually(
    "its place is free",
    () => server.lainlet.limits.listeners === 2 || undefined,
  );
  await using third = await Stream.open(
    `${server.url}/v2/proxywatcher?watch=1`,
    "127.20.0.12",
  );
  assertEquals(await refused("127.20.0.13"), [503, "10", all]);
  assertEquals((await get(`${server.url}/v2/nodes`)).status, 200);
  const debug = JSON.parse((await get(`${server.url}/debug`)).body);
  assertEquals([debug.goroutines, debug.refused], [3, 2]);
  await first[Symbol.asyncDispose]();
  await eventually(
    "its place is free",
    () => server.lainlet.limits.listeners === 2 || undefined,
  );
  await using again = await Stream.open(url);
  for (const stream of [second, third, again]) {
    assertEquals((await stream.next())?.event, "init");
  }
});

Deno.test("the stream of a client that does not read what is there for it ends, and is counted", async () => {
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  await using server = await new TestLainlet(store, { slowAfter: 300 }).ready();
  const path = "/v2/configwatcher?watch=1";
  await using reader = await Stream.open(server.url + path);
  await reader.next();
  const port = Number(new URL(server.url).port);
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const request =
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  await conn.write(new TextEncoder().encode(request));
  const { counters, limits } = server.lainlet;
  for (let i = 1; counters.slow === 0; i++) {
    store.put("/lain/config/a", `${i}${"x".repeat(500_000)}`);
    assertEquals((await reader.next())?.id, String(i + 1));
  }
  // Its connection still takes its place, until it reads what was sent, and its end.
  assertEquals([limits.listeners, counters.connections], [2, 2]);
  const buffer = new Uint8Array(1 << 20);
  while (await conn.read(buffer).catch(() => null) !== null);
  await eventually("it is gone", () => limits.listeners === 1 || undefined);
  store.put("/lain/config/a", "end");
  assertEquals((await reader.next())?.data, { a: "end" });
  assertEquals(counters.slow, 1);
});

Deno.test("URLs and headers have a limit", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const url = `${server.url}/v2/configwatcher?target=`;
  const ask = (length: number, header: number) =>
    get(url + "x".repeat(length), "127.0.0.1", {
      headers: { "X-Long": "x".repeat(header) },
    });
  assertEquals((await ask(8_000, 30_000)).status, 200);
  const { status, body } = await ask(8_192, 0);
  assertEquals([status, body], [414, "the URL is too long"]);
  assertEquals((await ask(0, 33_000)).status, 431);
});

Deno.test("patch=merge is for watches of objects", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const ask = async (path: string) => {
    const { status, body } = await get(`${server.url}${path}`);
    return [status, body];
  };
  for (
    const path of [
      "/v2/procwatcher?appname=console",
      "/v2/localspecquery?nodeip=node1",
      "/v2/streamrouter/ports?x",
    ]
  ) {
    assertEquals(
      await ask(`${path}&watch=1&patch=merge`),
      [400, "patch=merge is for answers that are objects"],
    );
  }
  assertEquals(
    await ask("/v2/nodes?watch=1&patch=json"),
    [400, "patch must be merge"],
  );
  assertEquals((await ask("/v2/nodes?patch=merge"))[0], 200);
});

Deno.test("an answer is compressed when that is asked for, a stream never", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const headers = { "Accept-Encoding": "gzip" };
  const path = "/v2/coreinfowatcher";
  const ask = () => fetch(server.url + path, { headers });
  const [one, two] = [await ask(), await ask()];
  for (const { headers } of [one, two]) {
    assertEquals(headers.get("vary"), "Accept-Encoding");
  }
  assertEquals(await one.text(), (await get(server.url + path)).body);
  assertEquals(
    one.headers.get("etag"),
    await two.text() && two.headers.get("etag"),
  );
  const port = Number(new URL(server.url).port);
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const request =
    `GET ${path}?watch=1 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n`;
  await conn.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(1_000);
  const text = new TextDecoder().decode(
    buffer.subarray(0, await conn.read(buffer) ?? 0),
  );
  assertMatch(text, /^HTTP\/1.1 200/);
  assertEquals(/content-encoding/i.exec(text), null);
});

Deno.test("names like __proto__ and numbers are names like any other", async () => {
  const node = { name: "n", ip: "1.2.3.4" };
  const group = {
    app: "__proto__",
    proc: "web.web",
    instances: [{ node, ip: "127.20.9.9" }],
  };
  const store = new MemoryStore([
    ["/lain/config/__proto__", "p"],
    ["/lain/config/10", "ten"],
    ["/lain/config/9", "nine"],
    [groupKey(group), groupValue(group)],
  ]);
  await using server = await new TestLainlet(store).ready();
  const body = async (path: string) => (await get(server.url + path)).body;
  assertEquals(
    await body("/v2/configwatcher"),
    '{"10":"ten","9":"nine","__proto__":"p"}',
  );
  assertEquals(
    await body("/v2/appswatcher"),
    '{"__proto__":{"Appname":"__proto__"}}',
  );
});

Deno.test("data is one line to every kind of line reader", async () => {
  const value = "a\n\r\v\f\x1c\x85\u2028\u2029z";
  const store = new MemoryStore([["/lain/config/a", value]]);
  await using server = await new TestLainlet(store).ready();
  const { body } = await get(`${server.url}/v2/configwatcher`);
  // deno-lint-ignore no-control-regex
  assertEquals(/[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/.exec(body), null);
  assertEquals(JSON.parse(body), { a: value });
});
