/**
 * How a watch goes on when the connection was lost, or etcd was away.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { FrameFilter, hasEvents } from "../../../util/http2.ts";
import { readEvent } from "../../../util/collector.ts";
import { eventually } from "../../../util/process.ts";
import { viaProxy } from "./proxied.ts";

Deno.test("etcd: after a cut, batches continue after the last revision", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  await using all = new Collector(store, "/a/");
  await all.count(1);
  await etcd.write({ "/a/1": "x" });
  await all.count(2);
  proxy.fault = "cut";
  for (let i = 0; i < 5; i++) {
    await etcd.write({ "/a/1": `${i}`, [`/a/n${i}`]: "x" });
  }
  proxy.fault = "none";
  await all.count(7);
  const [first = 0] = all.revisions;
  assertEquals(all.revisions, [0, 1, 2, 3, 4, 5, 6].map((i) => first + i));
  assertEquals(all.items.slice(1).every(({ type }) => type === "batch"), true);
});

Deno.test("etcd: a connection that ends within a snapshot's pages is followed by another snapshot", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  const value = "x".repeat(5_000);
  const keys = Array.from({ length: 120 }, (_, i) => `/a/${100 + i}`);
  await etcd.load(Object.fromEntries(keys.map((key) => [key, value])));
  const abort = new AbortController();
  const items = store.watch("/a/", abort.signal).getReader();
  const { value: cut } = await items.read();
  assert(cut?.type === "snapshot");
  await assertRejects(async () => {
    for await (const _ of cut.pages) proxy.fault = "cut";
  }, Error);
  proxy.fault = "none";
  const { value: next } = await items.read();
  assert(next?.type === "snapshot");
  const whole = await readEvent(next);
  assert(whole.type === "snapshot");
  assertEquals(whole.entries.map(({ key }) => key), keys);
  await etcd.write({ "/a/100": null });
  const { value: batch } = await items.read();
  assertEquals([batch?.type, batch?.revision], ["batch", whole.revision + 1]);
  abort.abort();
});

Deno.test("etcd: after a restart no change is missing and none is repeated", async () => {
  await using etcd = await TestEtcd.start();
  const store = new EtcdStore([etcd.endpoint]);
  await using all = new Collector(store, "/a/");
  await all.count(1);
  await etcd.write({ "/a/1": "x" });
  await all.count(2);
  await etcd.kill();
  await eventually(
    "the loss is noticed",
    () => store.status.problems.length > 0 ? true : undefined,
  );
  await etcd.launch();
  await etcd.write({ "/a/2": "x" });
  await all.count(3);
  assertEquals(all.items.map(({ type }) => type), [
    "snapshot",
    "batch",
    "batch",
  ]);
  await eventually(
    "the status is good again",
    () => store.status.problems.length === 0 ? true : undefined,
  );
});

Deno.test("etcd: a restart costs a fleet five small reads each, whatever the state's size", async () => {
  await using etcd = await TestEtcd.start();
  const value = "x".repeat(7_000);
  const prefixes = ["/a/", "/b/", "/c/", "/d/"];
  for (const prefix of prefixes) {
    for (let i = 0; i < 100; i++) await etcd.write({ [prefix + i]: value });
  }
  await using stack = new AsyncDisposableStack();
  const stores = Array.from(
    { length: 20 },
    () => new EtcdStore([etcd.endpoint]),
  );
  const collectors = stores.flatMap((store) =>
    prefixes.map((prefix) => stack.use(new Collector(store, prefix)))
  );
  await Promise.all(collectors.map((one) => one.count(1)));
  const loaded = await etcd.metric("etcd_network_client_grpc_sent_bytes_total");
  await etcd.kill();
  await etcd.launch();
  await etcd.write({ "/a/0": "1", "/b/0": "1", "/c/0": "1", "/d/0": "1" });
  await Promise.all(collectors.map((one) => one.count(2)));
  // These are counted from the restart on.
  const reads = await etcd.metric(
    "grpc_server_handled_total",
    'grpc_method="Range"',
  );
  const sent = await etcd.metric("etcd_network_client_grpc_sent_bytes_total");
  assertEquals(loaded > 20 * 4 * 700_000, true, `${loaded} bytes at first`);
  // One for the connection and one for each watch, and at most two checks.
  assertEquals(reads >= 20 * 5 && reads <= 20 * 7, true, `${reads} reads`);
  assertEquals(sent < 20 * 4 * 10_000, true, `${sent} bytes for the restart`);
  for (const { items } of collectors) {
    assertEquals(items.map(({ type }) => type), ["snapshot", "batch"]);
  }
});

Deno.test("etcd: a member that stops serving does not count as a missed change", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd, 100);
  await using _ = proxy;
  let isDeaf = false;
  proxy.editing(() => {
    const isOld = !isDeaf;
    const filter = new FrameFilter((message) =>
      !isDeaf || !isOld || !hasEvents(message)
    );
    return (bytes) => filter.filter(bytes);
  });
  await using config = new Collector(store, "/lain/config/");
  await config.count(1);
  await etcd.write({ "/lain/config/a": "1" });
  await config.count(2);
  isDeaf = true;
  // A check is due: what it asks for again never comes.
  await etcd.write({ "/other": "x" });
  await eventually(
    "another connection is made",
    () => store.status.reconnects > 0 || undefined,
  );
  await etcd.write({ "/lain/config/a": "2" });
  await config.count(3);
  assertEquals(config.items.map(({ type }) => type), [
    "snapshot",
    "batch",
    "batch",
  ]);
  assertEquals(store.status.missed, 0);
});

Deno.test("etcd: a watch can end while etcd is away", async () => {
  await using etcd = await TestEtcd.start();
  const store = new EtcdStore([etcd.endpoint]);
  await using stays = new Collector(store, "/b/");
  {
    await using all = new Collector(store, "/a/");
    await Promise.all([all.count(1), stays.count(1)]);
    await etcd.kill();
    await eventually(
      "the loss is noticed",
      () => store.status.problems.length > 0 ? true : undefined,
    );
  }
  await etcd.launch();
  await etcd.write({ "/a/1": "x", "/b/1": "x" });
  await stays.count(2);
});
