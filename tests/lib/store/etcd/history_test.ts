/**
 * What etcd has compacted, or does not know any more.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { eventually } from "../../../util/process.ts";
import { viaProxy } from "./proxied.ts";

Deno.test("etcd: a snapshot follows when history was compacted", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  await etcd.write({ "/a/1": "x", "/a/2": "x" });
  await using all = new Collector(store, "/a/");
  await all.count(1);
  proxy.fault = "cut";
  await etcd.write({ "/a/1": null, "/a/3": "y" });
  const revision = await etcd.write({ "/b/1": "x" });
  await etcd.client.kv.compact({ revision: String(revision), physical: true });
  proxy.fault = "none";
  await all.count(2);
  const last = all.items.at(-1);
  assertEquals(
    last?.type === "snapshot" && last.entries.map(({ key }) => key),
    ["/a/2", "/a/3"],
  );
  await etcd.write({ "/a/4": "z" });
  await all.count(3);
  assertEquals(all.items.at(-1)?.type, "batch");
});

Deno.test("etcd: a removal at the first unknown revision is not missed when that is compacted", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  await etcd.write({ "/a/1": "x", "/a/2": "x" });
  await using all = new Collector(store, "/a/");
  await all.count(1);
  proxy.fault = "cut";
  const revision = await etcd.write({ "/a/1": null });
  await etcd.client.kv.compact({ revision: String(revision), physical: true });
  await etcd.write({ "/a/3": "y" });
  proxy.fault = "none";
  await all.count(2);
  const last = all.items.at(-1);
  assertEquals(
    last?.type === "snapshot" && last.entries.map(({ key }) => key),
    ["/a/2", "/a/3"],
  );
});

Deno.test("etcd: a quiet subtree is not read again because its last change was compacted", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/a/1": "x" });
  const { proxy, store } = viaProxy(etcd, 200);
  await using _proxy = proxy;
  await using all = new Collector(store, "/a/");
  await all.count(1);
  for (let i = 0; i < 10; i++) await etcd.write({ "/b/1": `${i}` });
  const written = performance.now();
  await eventually("that was checked", () => {
    const since = performance.now() - written;
    return store.age("/a/") < since - 10 || undefined;
  });
  await etcd.compact();
  proxy.fault = "cut";
  await eventually(
    "the cut is noticed",
    () => store.status.problems.length > 0 || undefined,
  );
  proxy.fault = "none";
  await etcd.write({ "/a/2": "y" });
  await all.count(2);
  assertEquals(all.items.map(({ type }) => type), ["snapshot", "batch"]);
});

Deno.test("etcd: a removal that is compacted at its own revision is not missed", async () => {
  await using etcd = await TestEtcd.start();
  const prefix = "/lain/config/";
  await etcd.write({ "/lain/config/a": "1", "/lain/config/b": "1" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 100 });
  await using config = new Collector(store, prefix);
  await config.count(1);
  /** Waits for a check that began after now. */
  const proven = () => {
    const now = performance.now();
    return eventually(
      "a check is done",
      () => performance.now() - store.age(prefix) > now || undefined,
    );
  };
  // Only removals, and one beside a put: etcd cannot replay those any more.
  for (const [i, b] of [null, "2"].entries()) {
    await etcd.write({ "/lain/config/a": "1" });
    const revision = await etcd.write({
      "/lain/config/b": b,
      "/lain/config/a": null,
    });
    await config.count(3 + 2 * i);
    await proven();
    await etcd.client.kv.compact({
      revision: String(revision),
      physical: true,
    });
    await etcd.write({ "/other": "x" });
    await proven();
    assertEquals([store.status.missed, store.status.reconnects], [0, 0]);
  }
});

Deno.test("etcd: after a restored backup everything is read again", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "1" });
  const file = await Deno.makeTempFile();
  await etcd.save(file);
  await etcd.write({ "/lain/config/a": "2" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 100 });
  await using config = new Collector(store, "/lain/config/");
  await config.count(1);
  await etcd.restore(file);
  await config.count(2);
  const last = config.items.at(-1);
  const values = last?.type === "snapshot"
    ? last.entries.map(({ value }) => new TextDecoder().decode(value))
    : [];
  assertEquals(values, ["1"]);
  await Deno.remove(file);
});

Deno.test("etcd: a removal that is compacted before it was confirmed need not be replayed", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "1", "/lain/config/b": "1" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 1_500 });
  await using config = new Collector(store, "/lain/config/");
  await config.count(1);
  const isProven = (since: number) =>
    store.age("/lain/config/") < performance.now() - since || undefined;
  const begin = performance.now();
  await eventually("the snapshot is proven", () => isProven(begin));
  const revision = await etcd.write({ "/lain/config/a": null });
  await etcd.client.kv.compact({ revision: String(revision), physical: true });
  await config.count(2);
  const removed = performance.now();
  await eventually("the removal is proven", () => isProven(removed));
  assertEquals(store.status.problems, []);
  assertEquals([store.status.missed, store.status.reconnects], [0, 0]);
});
