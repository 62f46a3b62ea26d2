/**
 * Responses before the first state, and when it is stale.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { MemoryStore } from "../../../lib/store/memory.ts";
import type { Store, WatchEvent } from "../../../lib/store/store.ts";
import { CapturedLog } from "../../util/captured_log.ts";
import { get, Stream } from "../../util/client.ts";
import { golden } from "../../util/golden.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

Deno.test("a store that is empty at the start is not read, later it is empty", async () => {
  const store = new MemoryStore();
  await using server = new TestLainlet(store);
  const request = (path: string) => get(server.url + path);
  await eventually("/readyz says so", async () => {
    const { status, body } = await request("/readyz");
    assertEquals([status, body], [503, "the store holds nothing under /lain/"]);
    return true;
  });
  for (const path of ["/v2/nodes", "/v2/appswatcher", "/appname?ip=1.2.3.4"]) {
    const { status, headers } = await request(path);
    assertEquals([path, status, headers.get("retry-after")], [path, 503, "1"]);
  }
  await using apps = await Stream.open(`${server.url}/v2/appswatcher?watch=1`);
  await using nodes = await Stream.open(`${server.url}/v2/nodes?watch=1`);
  const key = "/lain/nodes/nodes/n:10.0.0.1:22";
  store.put(key, "{}");
  const init = { id: "1", event: "init" };
  assertEquals(await apps.next(), { ...init, data: {} });
  assertEquals(await nodes.next(), { ...init, data: { "n:10.0.0.1:22": {} } });
  assertEquals((await request("/readyz")).status, 200);
  store.delete(key);
  assertEquals(await nodes.next(), { id: "2", event: "delete", data: {} });
  assertEquals((await request("/v2/nodes")).body, "{}");
  assertEquals((await request("/readyz")).status, 200);
});

Deno.test("a store with a key is not called empty, whichever subtree has it", async () => {
  for (
    const key of [
      "/lain/config/a",
      "/lain/deployd/depends/pods/a.portal.portal",
      "/lain/deployd/pod_groups/a/a.web.web",
      "/lain/nodes/nodes/n:10.0.0.1:22",
    ]
  ) {
    using log = new CapturedLog();
    const store = new MemoryStore([[key, "{}"]]);
    await using _server = await new TestLainlet(store).ready();
    assertEquals([key, log.about(/holds nothing/)], [key, []]);
  }
});

/** A store that can delay the first read of each subtree. */
class SlowStore implements Store {
  readonly #opened = new Map<string, PromiseWithResolvers<void>>();
  readonly #store = golden();
  readonly status = { ...this.#store.status, problems: ["away"] };
  /** Age of every prefix, in ms. */
  time = 0;

  age(): number {
    return this.time;
  }

  checkFreshness(prefix: string, signal: AbortSignal): Promise<number> {
    return this.#store.checkFreshness(prefix, signal);
  }

  /** Ends the delay of subtrees whose prefix contains a text. */
  open(text = ""): void {
    for (const [prefix, { resolve }] of this.#opened) {
      if (prefix.includes(text)) resolve();
    }
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<WatchEvent> {
    const { readable, writable } = new TransformStream<WatchEvent>();
    const opened = Promise.withResolvers<void>();
    this.#opened.set(prefix, opened);
    opened.promise.then(() =>
      this.#store.watch(prefix, signal).pipeTo(writable)
    );
    return readable;
  }
}

Deno.test("a stale state is served with its age", async () => {
  const store = new SlowStore();
  await using server = new TestLainlet(store, { staleAfter: 30_000 });
  store.status.problems[0] = 'etcd says "no" \\ é';
  store.open();
  await server.ready();
  const request = (path: string, init: RequestInit = {}) =>
    get(server.url + path, "127.0.0.1", init);
  const { status, headers, body } = await request("/v2/nodes");
  assertEquals([headers.get("age"), headers.get("cache-status")], [null, null]);
  assertEquals((await request("/readyz")).status, 200);
  store.time = 29_999;
  assertEquals((await request("/v2/nodes")).headers.get("age"), null);
  assertEquals((await request("/readyz")).status, 200);

  store.time = 95_500;
  const old = await request("/v2/nodes");
  assertEquals([old.status, old.body], [status, body]);
  const etag = headers.get("etag") ?? "";
  for (
    const { headers } of [
      old,
      await request("/v2/nodes", { headers: { "If-None-Match": etag } }),
      await request("/v2/nodes", { method: "HEAD" }),
      await request("/v2/webrouter/webprocs?appname=nosuch"),
      await request("/appname?ip=127.20.0.12"),
    ]
  ) {
    assertEquals(headers.get("age"), "95");
    assertEquals(
      headers.get("cache-status"),
      'lainlet; hit; ttl=-66; detail="etcd says \\"no\\" \\\\ ?"',
    );
  }
  const readyz = await request("/readyz");
  assertEquals(readyz.status, 503);
  assert(
    readyz.body.endsWith("podgroup were last confirmed 95 s ago"),
    readyz.body,
  );
  const debug = JSON.parse((await request("/debug")).body);
  assertEquals(debug.store.problems, ['etcd says "no" \\ é']);
  for (
    const confirmed of [debug.store.confirmed, debug.watchers.nodes.Confirmed]
  ) {
    const age = Date.now() - Date.parse(confirmed);
    assert(age >= 95_500 && age < 155_500, confirmed);
  }
  for (const path of ["/version", "/healthz", "/debug"]) {
    const { status, headers } = await request(path);
    assertEquals([status, headers.get("age")], [200, null]);
  }
});

Deno.test("before the first read, GET gets 503, and a watch waits", async () => {
  const store = new SlowStore();
  await using server = new TestLainlet(store);
  const early = await get(`${server.url}/v2/nodes`);
  assertEquals([early.status, early.headers.get("retry-after")], [503, "1"]);
  assertEquals((await get(`${server.url}/appname`)).status, 503);
  const readyz = await get(`${server.url}/readyz`);
  assertEquals(readyz.status, 503);
  // The cause comes first; equal reasons are joined.
  assertMatch(
    readyz.body,
    /away; config, container, depends, nodes and podgroup are not read yet$/,
  );
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

Deno.test("a subtree that cannot be read delays only what needs it", async () => {
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
