import { assert, assertEquals, assertMatch } from "@std/assert";
import { get, Stream } from "../../util/client.ts";
import { golden } from "../../util/golden.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

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
    const { status, headers, body } = await ask(path);
    assertEquals([path, status, body], [path, 404, "404 not found"]);
    assertEquals(headers.get("content-type"), "text/plain; charset=utf-8");
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

Deno.test("* is all, for callers who may read it", async () => {
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
    const withoutDate = ({ headers, ...rest }: typeof all) => {
      const { date: _, ...others } = Object.fromEntries(headers);
      return { ...rest, headers: others };
    };
    assertEquals(withoutDate(star), withoutDate(all));
    assert(all.body.length > 100, all.body);
    const other = await ask(`/v2/${path}?${name}=*`, "127.20.0.12");
    assertEquals([path, other.status], [path, 403]);
  }
});

Deno.test("/debug has counts, and no values", async () => {
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

Deno.test("URLs and headers are limited", async () => {
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
