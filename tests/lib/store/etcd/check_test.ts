/**
 * How the store proves that what it delivered is all, as etcd's own metrics
 * and what is lost on the way tell.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { FrameFilter, hasEvents } from "../../../util/http2.ts";
import { eventually } from "../../../util/process.ts";
import { Proxy } from "../../../util/proxy.ts";
import { rangeOf } from "../../../../lib/store/etcd/range.ts";
import { Replay } from "../../../../lib/store/etcd/check.ts";
import { MissedChange } from "../../../../lib/store/watch.ts";
import { EtcdWatch } from "../../../../lib/store/etcd/watch.ts";
import type { Batch, WatchEvent } from "../../../../lib/store/store.ts";
import { readEvent } from "../../../util/collector.ts";

const PREFIXES = [
  "/lain/config/",
  "/lain/deployd/depends/pods/",
  "/lain/deployd/pod_groups/",
  "/lain/nodes/nodes/",
];
const LOGIN = { username: "lainlet", password: "secret" };

/** What was asked of the Watch service: watches made and ended. */
const asked = (etcd: TestEtcd) =>
  etcd.metric("grpc_server_msg_received_total", 'grpc_method="Watch"');

/** Follows prefixes. */
function follow(stack: AsyncDisposableStack, store: EtcdStore): Collector[] {
  return PREFIXES.map((prefix) => stack.use(new Collector(store, prefix)));
}

/** Waits for a check of all prefixes that began after now. */
function proven(store: EtcdStore): Promise<true> {
  const now = performance.now();
  return eventually(
    "a check is done",
    () =>
      PREFIXES.every((one) => performance.now() - store.age(one) > now) ||
      undefined,
  );
}

/** Waits until so much was asked, and a check later it is no more. */
async function wasAsked(etcd: TestEtcd, store: EtcdStore, count: number) {
  await proven(store);
  await eventually(
    `${count} requests`,
    async () => await asked(etcd) >= count || undefined,
  );
  await proven(store);
  assertEquals(await asked(etcd), count);
}

Deno.test("etcd check: one probe compares all prefixes, at once", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "0" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 300 });
  await using stack = new AsyncDisposableStack();
  const all = follow(stack, store);
  await Promise.all(all.map((one) => one.count(1)));
  await wasAsked(etcd, store, 4);
  for (let i = 1; i <= 3; i++) {
    // One is made, and ended.
    await etcd.write({ "/other": `${i}`, "/lain/nodes/nodes/a": `${i}` });
    await wasAsked(etcd, store, 4 + 2 * i);
  }
  assertEquals([store.status.missed, store.status.reconnects], [0, 0]);
  assertEquals(all.map(({ items }) => items.length), [1, 1, 1, 4]);
});

Deno.test("etcd check: each prefix has a probe when the login may not read between them", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "0" });
  await etcd.authenticate(PREFIXES);
  const options = { checkEvery: 300, auth: LOGIN };
  const store = new EtcdStore([etcd.endpoint], options);
  await using stack = new AsyncDisposableStack();
  const all = follow(stack, store);
  await Promise.all(all.map((one) => one.count(1)));
  await wasAsked(etcd, store, 4);
  for (let i = 0; i < 2; i++) {
    await etcd.write({ "/other": `${i}`, "/lain/nodes/nodes/a": `${i}` });
    // One that is refused, and only the first time.
    await wasAsked(etcd, store, 4 + 1 + 8 * (i + 1));
  }
  assertEquals(store.status.problems, []);
  assertEquals([store.status.missed, store.status.reconnects], [0, 0]);
});

Deno.test("etcd check: each prefix has a probe when much is written between them", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "0" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 300 });
  await using stack = new AsyncDisposableStack();
  await Promise.all(follow(stack, store).map((one) => one.count(1)));
  await wasAsked(etcd, store, 4);
  await etcd.write({ "/lain/deployd/other": "x".repeat(60_000) });
  await wasAsked(etcd, store, 4 + 2);
  await etcd.write({ "/lain/deployd/other": "x".repeat(70_000) });
  await wasAsked(etcd, store, 4 + 4);
  await etcd.write({ "/lain/deployd/other": "" });
  await wasAsked(etcd, store, 4 + 4 + 8);
  assertEquals([store.status.missed, store.status.reconnects], [0, 0]);
});

Deno.test("etcd check: a change that is lost under one prefix is found, with rights to each of four", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "0" });
  await etcd.authenticate(PREFIXES);
  await using proxy = new Proxy(etcd.endpoint);
  const losing = { isDue: false };
  proxy.editing(() => {
    const filter = new FrameFilter((message) => {
      const isLost = losing.isDue && hasEvents(message);
      if (isLost) losing.isDue = false;
      return !isLost;
    });
    return (bytes) => filter.filter(bytes);
  });
  const options = { checkEvery: 300, auth: LOGIN };
  const store = new EtcdStore([proxy.url], options);
  await using stack = new AsyncDisposableStack();
  const all = follow(stack, store);
  await Promise.all(all.map((one) => one.count(1)));
  const types = () => all.map(({ items }) => items.map(({ type }) => type));
  const expected: string[][] = all.map(() => ["snapshot"]);
  for (const [i, prefix] of PREFIXES.entries()) {
    losing.isDue = true;
    const revision = await etcd.write({ [`${prefix}lost`]: "x" });
    expected[i]?.push("snapshot");
    await all[i]?.count(2);
    assert((all[i]?.revisions.at(-1) ?? 0) >= revision);
    assertEquals(types(), expected);
    assertEquals(store.status.missed, i + 1);
    await proven(store);
  }
});

Deno.test("etcd check: a change that etcd is about to send does not count as missed", async () => {
  await using etcd = await TestEtcd.start();
  for (let round = 0; round < 5; round++) {
    await using stack = new AsyncDisposableStack();
    const store = new EtcdStore([etcd.endpoint], { checkEvery: 100 });
    const keys = Array.from({ length: 20 }, (_, i) => `/${round}/${i}/`);
    const all = keys.map((key) => stack.use(new Collector(store, key)));
    await all[0]?.count(1);
    // Some were read before that, and are not watched yet: they wait for their turn.
    const revision = await etcd.write(
      Object.fromEntries(keys.map((key) => [`${key}a`, "x"])),
    );
    for (const { items } of all) {
      await eventually(
        "it is delivered",
        () => (items.at(-1)?.revision ?? 0) >= revision || undefined,
      );
      const snapshots = items.filter(({ type }) => type === "snapshot");
      assertEquals(snapshots.length, 1);
    }
    assertEquals(store.status.missed, 0);
  }
});

function head(revision: number) {
  return { clusterId: "1", raftTerm: 2, revision };
}

/** A watch that is proven up to revision 1,000, and then delivers some batches. */
async function watchOf(
  prefix: string,
  ...batches: readonly Batch[]
): Promise<EtcdWatch> {
  const watches: EtcdWatch[] = [];
  const items = new ReadableStream<WatchEvent>({
    start: (controller) => void watches.push(new EtcdWatch(prefix, controller)),
  });
  items.pipeTo(
    new WritableStream({ write: async (item) => void await readEvent(item) }),
  );
  const [watch] = watches;
  assert(watch);
  await watch.deliverSnapshot(
    { type: "snapshot", revision: 1, pages: [] },
    head(1),
  );
  watch.isLive = true;
  for (const batch of batches) watch.deliver(batch);
  watch.confirm(head(1_000));
  return watch;
}

function batch(revision: number, key: string, value?: string): Batch {
  const bytes = value === undefined
    ? undefined
    : new TextEncoder().encode(value);
  return { type: "batch", revision, changes: [{ key, value: bytes }] };
}

const LARGE = "x".repeat(65_000 + 1_000);

Deno.test("etcd range: holds its prefixes, in any order and nested", () => {
  const texts = (...prefixes: readonly string[]) =>
    Object.values(rangeOf(...prefixes)).map(String);
  assertEquals(texts("/a/"), ["/a/", "/a0"]);
  assertEquals(texts("/b/", "/a/", "/c/"), ["/a/", "/c0"]);
  assertEquals(texts("/a/b/", "/a/"), ["/a/", "/a0"]);
});

Deno.test("etcd replay: starts at the newest change that etcd can replay, if that is recent and small", async () => {
  const start = (...watches: readonly EtcdWatch[]) =>
    new Replay(watches, 1_010).start;
  const none = await watchOf("/n/");
  const far = await watchOf("/f/", batch(909, "/f/1", "x"));
  const near = await watchOf("/a/", batch(950, "/a/1", "x"));
  const nearer = await watchOf("/b/", batch(960, "/b/1", "x"));
  const removal = await watchOf("/r/", batch(970, "/r/1"));
  const large = await watchOf("/l/", batch(940, "/l/1", LARGE));
  const larger = await watchOf("/m/", batch(955, "/m/1", LARGE));
  assertEquals(start(none, far), 1_000);
  assertEquals(start(near, none, nearer), 960);
  assertEquals(start(near, removal), 950);
  assertEquals(start(near, large), 950);
  assertEquals(start(near, larger), 1_000);
  assertEquals(start(near, larger, nearer), 960);
  near.deliver(batch(1_005, "/a/1", "y"));
  assertEquals(start(near, none), 1_000);
});

Deno.test("etcd replay: a change that a watch did not deliver is missed, up to the checked revision", async () => {
  const a = await watchOf("/a/");
  const b = await watchOf("/b/");
  a.deliver(batch(1_001, "/a/1", "x"));
  const replay = new Replay([a, b], 1_005);
  assert(replay.isWaiting);
  replay.batch(batch(1_001, "/a/1", "x"));
  assertEquals(replay.isWaiting, false);
  replay.batch(batch(1_006, "/b/1", "x"));
  assertEquals(replay.confirmed, [a, b]);
  replay.batch(batch(1_002, "/b/1", "x"));
  assert(replay.isWaiting);
  const missed = assertThrows(() => replay.confirmed, MissedChange);
  assertEquals([missed.watch, missed.revision], [b, 1_002]);
  b.deliver(batch(1_002, "/b/1", "x"));
  assertEquals(replay.confirmed, [a, b]);
});

Deno.test("etcd replay: counts the bytes between the prefixes", async () => {
  const watches = [await watchOf("/a/"), await watchOf("/c/")];
  const replay = new Replay(watches, 1_005);
  replay.batch(batch(1_001, "/b/1", "12345"));
  replay.batch(batch(1_002, "/b/1"));
  assertEquals(replay.unrelatedBytes, 5);
  assertEquals(replay.confirmed, watches);
});

Deno.test("etcd replay: a checkpoint that does not come, or differs, is an error", async () => {
  const a = await watchOf("/a/", batch(990, "/a/1", "x"));
  const silent = new Replay([a], 1_005);
  assertThrows(() => silent.confirmed, Error, "does not serve its watches");
  const other = new Replay([a], 1_005);
  other.batch(batch(990, "/a/1", "y"));
  assert(other.isOver);
  assertThrows(() => other.confirmed, Error, "restored from a backup");
});

Deno.test("etcd replay: a watch that was read again meanwhile is neither confirmed nor missed", async () => {
  const a = await watchOf("/a/");
  const b = await watchOf("/b/");
  const replay = new Replay([a, b], 1_005);
  replay.batch(batch(1_002, "/a/1", "x"));
  await a.deliverSnapshot(
    { type: "snapshot", revision: 1_003, pages: [] },
    head(1_003),
  );
  assertEquals(replay.confirmed, [b]);
  b.isLive = false;
  assert(replay.isOver);
  assertEquals(replay.confirmed, []);
});

Deno.test("etcd replay: a compacted revision is not replayed again, and the next check compares all keys", async () => {
  const a = await watchOf("/a/", batch(990, "/a/1", "x"));
  const replay = new Replay([a], 1_005);
  replay.ended("compacted");
  assertEquals(replay.confirmed, []);
  const next = new Replay([a], 1_005);
  // What etcd has compacted up to there removed nothing that is to be proven.
  assertEquals(next.start, 1_000);
  next.ended("compacted");
  assertEquals([next.confirmed, a.isUncompared], [[a], true]);
});

Deno.test("etcd replay: waits after a compaction, and not after a refusal", async () => {
  const isAnswered = async (reason: "compacted" | Error) => {
    const replay = new Replay([await watchOf("/a/")], 1_005);
    replay.ended(reason);
    assert(replay.isOver);
    return await Promise.race([
      replay.answered.then(() => true),
      new Promise((resolve) => setTimeout(resolve, 0, false)),
    ]);
  };
  assertEquals(await isAnswered("compacted"), false);
  assertEquals(await isAnswered(new Error("refused")), true);
});

Deno.test("etcd replay: a response of the checked revision is the last one, unless there may be more", async () => {
  const answers = async (revision: number, ...sent: readonly number[]) => {
    const replay = new Replay([await watchOf("/a/")], revision);
    for (const one of sent) replay.sent(one);
    return await Promise.race([
      replay.answered.then(() => true),
      Promise.resolve().then(() => Promise.resolve(false)),
    ]);
  };
  assertEquals(await answers(1_005, 1_004), false);
  assertEquals(await answers(1_005, 1_004, 1_005), true);
  assertEquals(await answers(1_005, 1_009), true);
  // etcd replays a thousand revisions at a time, and says of each where it stands.
  assertEquals(await answers(2_500, 2_500), false);
});
