import { assert, assertEquals } from "@std/assert";
import { ZooKeeperStore } from "../../../../lib/store/zookeeper/store.ts";
import { Collector } from "../../../util/collector.ts";
import { eventually } from "../../../util/process.ts";
import { Proxy } from "../../../util/proxy.ts";
import { TestZooKeeper } from "../../../util/zookeeper.ts";
import { checkClaims } from "../claims.ts";
import { testConformance } from "../conformance.ts";

testConformance("ZooKeeper", async () => {
  const zookeeper = await TestZooKeeper.start();
  return {
    store: new ZooKeeperStore([zookeeper.endpoint]),
    lacks: ["history", "empty values"],
    write: (changes) => zookeeper.write(changes),
    clear: () => zookeeper.clear(),
    [Symbol.asyncDispose]: () => zookeeper[Symbol.asyncDispose](),
  };
});

Deno.test("ZooKeeper: complete revisions are true with a slow network and constant writes", async () => {
  await using zookeeper = await TestZooKeeper.start();
  await using proxy = new Proxy(zookeeper.endpoint);
  proxy.fault = { delay: 20 };
  await checkClaims({
    store: new ZooKeeperStore([proxy.addr]),
    write: (changes) => zookeeper.write(changes),
    clear: () => zookeeper.clear(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});

/** Waits until a check has proven that a prefix is delivered whole. */
async function proven(store: ZooKeeperStore, prefix: string): Promise<void> {
  const now = performance.now();
  await eventually(
    `${prefix} is proven`,
    () => performance.now() - store.age(prefix) > now || undefined,
  );
}

Deno.test("ZooKeeper: a transaction is one batch, whatever its size and other writes", async () => {
  await using zookeeper = await TestZooKeeper.start();
  const store = new ZooKeeperStore([zookeeper.endpoint]);
  await using all = new Collector(store, "/a/");
  await all.count(1);
  let isOver = false;
  const elsewhere = (async () => {
    for (let i = 0; !isOver; i++) await zookeeper.write({ "/b/1": `${i}` });
  })();
  const keys = Array.from({ length: 200 }, (_, i) => `/a/${i % 7}/${i}`);
  const write = (value: (i: number) => string | null) =>
    zookeeper.write(Object.fromEntries(keys.map((key, i) => [key, value(i)])));
  let items = 1;
  for (let round = 0; round < 10; round++) {
    await write((i) => i % 3 === round % 3 ? null : `${round}`);
    await all.count(++items);
  }
  isOver = true;
  await elsewhere;
  assertEquals(all.items.length, items);
  // Folders are no keys, and are none when they are gone.
  await zookeeper.clear();
  await all.holds({});
});

Deno.test("ZooKeeper: folders and keys in keys; an emptied znode is removed", async () => {
  await using zookeeper = await TestZooKeeper.start();
  const options = { checkEvery: 100, verifyEvery: 200 };
  const store = new ZooKeeperStore([zookeeper.endpoint], options);
  await using all = new Collector(store, "/a/");
  await all.count(1);
  await zookeeper.write({
    "/a": "no",
    "/a/f/1": "1",
    "/a/k": "2",
    "/a/k/1": "3",
  });
  await all.holds({ "/a/f/1": "1", "/a/k": "2", "/a/k/1": "3" });
  await zookeeper.write({ "/a/k": "", "/a/f": "4" });
  await all.holds({ "/a/f": "4", "/a/f/1": "1", "/a/k/1": "3" });
  await zookeeper.write({ "/a/f/1": null, "/a/e": "", "/a/k": "5" });
  await all.holds({ "/a/f": "4", "/a/k": "5", "/a/k/1": "3" });
  const revision = await zookeeper.write({ "/b": "elsewhere" });
  const inventory = await eventually(
    "all is compared",
    () =>
      all.items.findLast((item) =>
        item.type === "inventory" && item.revision >= revision
      ),
  );
  assert(inventory.type === "inventory");
  assertEquals([...inventory.keys.keys()].sort(), ["/a/f", "/a/k", "/a/k/1"]);
  const written = all.items.findLast((item) => item.type === "batch");
  assertEquals(inventory.keys.get("/a/k"), written?.revision);
});

Deno.test("ZooKeeper: after an expired session only what changed is delivered", async () => {
  // Sessions last for 2 s at the most.
  await using zookeeper = await TestZooKeeper.start({ tick: 100 });
  const content = Object.fromEntries(
    Array.from({ length: 50 }, (_, i) => [`/a/${i % 3}/${i}`, `${i}`]),
  );
  await zookeeper.load(content);
  await using proxy = new Proxy(zookeeper.endpoint);
  const store = new ZooKeeperStore([proxy.addr]);
  await using all = new Collector(store, "/a/");
  await all.holds(content);
  const before = await zookeeper.figure("global_sessions");
  proxy.fault = "silent";
  await zookeeper.write({ "/a/0/0": "new", "/a/1/1": null, "/a/x/y": "new" });
  await eventually(
    "the session has expired",
    async () => await zookeeper.figure("global_sessions") < before || undefined,
  );
  proxy.fault = "none";
  const { "/a/1/1": _, ...rest } = content;
  await all.holds({ ...rest, "/a/0/0": "new", "/a/x/y": "new" });
  assertEquals(all.types, ["snapshot", "batch"]);
  const [, batch] = all.items;
  assertEquals(batch?.type === "batch" && batch.changes.length, 3);
  // When nothing differs, nothing is told.
  proxy.fault = "cut";
  proxy.fault = "none";
  await proven(store, "/a/");
  await zookeeper.write({ "/a/0/0": "newer" });
  await all.count(3);
  assertEquals(store.status.reconnects, 2);
  assertEquals(all.types, ["snapshot", "batch", "batch"]);
});

Deno.test("ZooKeeper: a chroot that is created and removed", async () => {
  await using zookeeper = await TestZooKeeper.start();
  const options = { chroot: "/lain/one", checkEvery: 200 };
  const store = new ZooKeeperStore([zookeeper.endpoint], options);
  await using all = new Collector(store, "/a/");
  await all.count(1);
  await zookeeper.write({ "/a/1": "no", "/lain/two/a/1": "no" });
  await zookeeper.write({ "/lain/one/a/1": "yes", "/lain/one": "no" });
  await all.holds({ "/a/1": "yes" });
  await zookeeper.clear();
  await all.holds({});
  await zookeeper.write({ "/lain/one/a/2": "again" });
  await all.holds({ "/a/2": "again" });
  await proven(store, "/a/");
  assertEquals(store.status.problems, []);
});

Deno.test("ZooKeeper: a refused znode is reported, and all others are served", async () => {
  await using zookeeper = await TestZooKeeper.start();
  const { endpoint, znodes } = zookeeper;
  await zookeeper.write({
    "/a/1": "1",
    "/a/2": "1",
    "/a/2/1": "1",
    "/a/3": "1",
    "/b/1": "1",
  });
  await znodes.protect("/a/3", "lainlet");
  await znodes.protect("/b", "nobody");
  const open = (password: string) =>
    new ZooKeeperStore([endpoint], {
      auth: { username: "lainlet", password },
      checkEvery: 100,
    });
  const store = open("secret");
  await using a = new Collector(store, "/a/");
  await using b = new Collector(store, "/b/");
  const wrong = open("mistaken");
  await using withWrong = new Collector(wrong, "/a/");
  const whole = { "/a/1": "1", "/a/2": "1", "/a/2/1": "1", "/a/3": "1" };
  await a.holds(whole);
  const refusal = (path: string) =>
    `ZooKeeper refuses the login in --zookeeper.user, or does not let it read ${path}`;
  const tells = (store: ZooKeeperStore, ...paths: string[]) =>
    eventually(`${paths} is told of`, () => {
      assertEquals(store.status.problems, paths.map(refusal));
      return true;
    });
  await tells(store, "/b");
  await tells(wrong, "/a/3");
  assertEquals(b.items, []);
  const { "/a/3": _, ...readable } = whole;
  await withWrong.holds(readable);
  assertEquals(wrong.age("/a/"), Infinity);
  // One is lost while it is served: what it was is kept, others are followed.
  await znodes.protect("/a/2", "nobody");
  await zookeeper.write({ "/a/1": "2", "/a/2/1": "2" });
  await a.holds({ ...whole, "/a/1": "2", "/a/2/1": "2" });
  await zookeeper.write({ "/a/2": "2" });
  await zookeeper.kill();
  await zookeeper.launch();
  await tells(store, "/a/2", "/b");
  await zookeeper.write({ "/a/1": "3", "/a/2/1": "3" });
  await a.holds({ ...whole, "/a/1": "3", "/a/2/1": "3" });
  const age = store.age("/a/");
  await eventually(
    "it is not proven",
    () => store.age("/a/") > age + 500 || undefined,
  );
  // And all is well when they may be read.
  await znodes.protect("/a/2", "everybody");
  await znodes.protect("/b", "everybody");
  await a.holds({ ...whole, "/a/1": "3", "/a/2": "2", "/a/2/1": "3" });
  await b.holds({ "/b/1": "1" });
  await tells(store);
  await proven(store, "/a/");
});

Deno.test("ZooKeeper: an older copy of the data is another history, also where its zxids are the same", async () => {
  await using zookeeper = await TestZooKeeper.start();
  await zookeeper.write({ "/a/1": "old" });
  const folder = await Deno.makeTempDir();
  await zookeeper.save(`${folder}/saved`);
  await using proxy = new Proxy(zookeeper.endpoint);
  const store = new ZooKeeperStore([proxy.addr], { checkEvery: 200 });
  await using all = new Collector(store, "/a/");
  await all.count(1);
  for (let i = 0; i < 20; i++) await zookeeper.write({ "/b/1": "x" });
  const zxid = await zookeeper.write({ "/a/1": "new" });
  await all.holds({ "/a/1": "new" });
  proxy.fault = "cut";
  await zookeeper.restore(`${folder}/saved`);
  let now = 0;
  while (now < zxid - 1) now = await zookeeper.write({ "/b/1": "y" });
  assertEquals(await zookeeper.write({ "/a/1": "other" }), zxid);
  proxy.fault = "none";
  await all.holds({ "/a/1": "other" });
  assertEquals(all.types, ["snapshot", "batch", "batch"]);
  // And where there is less of it.
  await zookeeper.write({ "/a/2": "new" });
  await all.holds({ "/a/1": "other", "/a/2": "new" });
  await zookeeper.restore(`${folder}/saved`);
  await all.holds({ "/a/1": "old" });
  assertEquals(all.types.filter((type) => type === "snapshot").length, 2);
  await zookeeper.write({ "/a/2": "newer" });
  await all.holds({ "/a/1": "old", "/a/2": "newer" });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("ZooKeeper: an inventory shows a change that was lost", async () => {
  await using zookeeper = await TestZooKeeper.start();
  await zookeeper.write({ "/a/lost1": "x" });
  await using proxy = new Proxy(zookeeper.endpoint);
  // The event of one znode becomes that of another.
  proxy.editing(() => (bytes) => {
    const text = new TextDecoder("latin1").decode(bytes);
    const at = text.indexOf("/a/lost1");
    if (at === -1 || !text.startsWith("\0\0\0\x24\xff\xff\xff\xff")) {
      return bytes;
    }
    const copy = bytes.slice();
    copy[at + 7] = "2".charCodeAt(0);
    return copy;
  });
  const options = { checkEvery: 100, verifyEvery: 200 };
  const store = new ZooKeeperStore([proxy.addr], options);
  await using all = new Collector(store, "/a/");
  await all.count(1);
  const zxid = await zookeeper.write({ "/a/lost1": "y" });
  const inventory = await eventually(
    "all is compared",
    () =>
      all.items.findLast(({ type, revision }) =>
        type === "inventory" && revision >= zxid
      ),
  );
  assert(inventory.type === "inventory");
  assertEquals(inventory.keys.get("/a/lost1"), zxid);
  assertEquals(all.held, { "/a/lost1": "x" });
});

Deno.test("ZooKeeper: 10,000 znodes are read, changed and removed", async () => {
  await using zookeeper = await TestZooKeeper.start();
  const content = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`/a/${i % 100}/${i}`, `${i}`]),
  );
  await zookeeper.load(content);
  const store = new ZooKeeperStore([zookeeper.endpoint], {
    checkEvery: 500,
    verifyEvery: 500,
  });
  await using all = new Collector(store, "/a/");
  // Their difference in full would take minutes.
  const sum = (state: Record<string, string>) =>
    JSON.stringify(Object.entries(state).sort());
  const holds = (expected: Record<string, string>) =>
    eventually(
      "all is held",
      () => sum(all.held) === sum(expected) || undefined,
    );
  await holds(content);
  const changes = Object.fromEntries(
    Object.keys(content).slice(0, 1_000).map((key) => [key, "new"]),
  );
  await zookeeper.load(changes);
  await holds({ ...content, ...changes });
  await zookeeper.clear();
  await holds({});
  await proven(store, "/a/");
  assertEquals(store.status.reconnects, 0);
  assertEquals(all.types.filter((type) => type === "snapshot").length, 1);
});
