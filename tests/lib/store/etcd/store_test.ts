import { assertEquals } from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { FrameFilter, hasEvents } from "../../../util/http2.ts";
import { testConformance } from "../conformance.ts";
import { viaProxy } from "./proxied.ts";

testConformance("etcd", async () => {
  const etcd = await TestEtcd.start();
  return {
    store: new EtcdStore([etcd.endpoint]),
    write: (changes) => etcd.write(changes),
    clear: () => etcd.clear(),
    [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose](),
  };
});

Deno.test("etcd: a large subtree is read page by page, at one revision", async () => {
  await using etcd = await TestEtcd.start();
  const value = "x".repeat(9_000);
  for (let page = 0; page < 12; page++) {
    await etcd.write(Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`/a/${page * 60 + i}`, value]),
    ));
  }
  let isWriting = true;
  const writing = (async () => {
    for (let i = 0; isWriting; i++) {
      await etcd.write({ "/a/0": `${i}`, "/a/999": `${i}` });
    }
  })();
  const store = new EtcdStore([etcd.endpoint]);
  await using all = new Collector(store, "/a/");
  await all.count(2);
  isWriting = false;
  await writing;
  const [snapshot, batch] = all.items;
  if (snapshot?.type !== "snapshot") throw new Error("no snapshot");
  // 6 MB, more than gRPC takes in one message by default.
  assertEquals(snapshot.entries.length >= 720, true);
  const written = new Map(
    snapshot.entries.map((e) => [e.key, new TextDecoder().decode(e.value)]),
  );
  if (written.has("/a/999")) {
    assertEquals(written.get("/a/0"), written.get("/a/999"));
  }
  assertEquals(batch?.revision, snapshot.revision + 1);
});

Deno.test("etcd: a revision that etcd splits over fragments is one batch", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  await etcd.write({ "/a/0": "first" });
  await using all = new Collector(store, "/a/");
  await all.count(1);
  proxy.fault = "cut";
  // One response after the cut; a fragment of it takes 2 MB, 20 of these keys.
  const value = "x".repeat(100_000);
  const keys = Array.from({ length: 9 }, (_, i) => `/a/${i}`);
  for (let i = 0; i < 10; i++) {
    await etcd.write(Object.fromEntries(keys.map((key) => [key, value + i])));
  }
  proxy.fault = "none";
  await all.count(11);
  const batches = all.items.slice(1);
  assertEquals(new Set(all.revisions).size, 11);
  for (const batch of batches) {
    assertEquals(
      batch.type === "batch" && batch.changes.map(({ key }) => key),
      keys,
    );
  }
});

Deno.test("etcd: an inventory names every key and the revision that wrote it", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "1" });
  const revision = await etcd.write({ "/lain/config/b": "1", "/other": "x" });
  const options = { checkEvery: 100, verifyEvery: 200 };
  const store = new EtcdStore([etcd.endpoint], options);
  await using config = new Collector(store, "/lain/config/");
  await config.count(2);
  const [snapshot, inventory] = config.items;
  assertEquals(snapshot?.type, "snapshot");
  assertEquals(inventory, {
    type: "inventory",
    revision,
    keys: new Map([
      ["/lain/config/a", revision - 1],
      ["/lain/config/b", revision],
    ]),
    unsettled: new Set<string>(),
  });
});

Deno.test("etcd: a change that a watch loses is noticed, and everything is read again", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "1" });
  const { proxy, store } = viaProxy(etcd, 100);
  await using _ = proxy;
  let isLosing = false;
  proxy.editing(() => {
    const filter = new FrameFilter((message) => {
      if (!isLosing || !hasEvents(message)) return true;
      isLosing = false;
      return false;
    });
    return (bytes) => filter.filter(bytes);
  });
  await using config = new Collector(store, "/lain/config/");
  await config.count(1);
  isLosing = true;
  const revision = await etcd.write({ "/lain/config/a": "lost" });
  await config.count(2);
  assertEquals(config.items.map(({ type, revision }) => [type, revision]), [
    ["snapshot", revision - 1],
    ["snapshot", revision],
  ]);
  assertEquals(store.status.missed, 1);
});
