import { assert, assertEquals, assertThrows } from "@std/assert";
import { rangeOf } from "../../../../lib/store/etcd/range.ts";
import { Replay } from "../../../../lib/store/etcd/check.ts";
import { MissedChange } from "../../../../lib/store/watch.ts";
import { EtcdWatch } from "../../../../lib/store/etcd/watch.ts";
import type { Batch, WatchEvent } from "../../../../lib/store/store.ts";
import { told } from "../../../util/items.ts";

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
    new WritableStream({ write: async (item) => void await told(item) }),
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

Deno.test("etcd replay: a range holds its prefixes, in whatever order and in each other", () => {
  const texts = (...prefixes: readonly string[]) =>
    Object.values(rangeOf(...prefixes)).map(String);
  assertEquals(texts("/a/"), ["/a/", "/a0"]);
  assertEquals(texts("/b/", "/a/", "/c/"), ["/a/", "/c0"]);
  assertEquals(texts("/a/b/", "/a/"), ["/a/", "/a0"]);
});

Deno.test("etcd replay: it begins at the newest change that etcd can replay, if that is near and small", async () => {
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

Deno.test("etcd replay: what a watch did not deliver is missed, up to the revision in question", async () => {
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

Deno.test("etcd replay: what is between the prefixes is nobody's, and counted", async () => {
  const watches = [await watchOf("/a/"), await watchOf("/c/")];
  const replay = new Replay(watches, 1_005);
  replay.batch(batch(1_001, "/b/1", "12345"));
  replay.batch(batch(1_002, "/b/1"));
  assertEquals(replay.unrelatedBytes, 5);
  assertEquals(replay.confirmed, watches);
});

Deno.test("etcd replay: what must come and does not, or is another, is no replay of this history", async () => {
  const a = await watchOf("/a/", batch(990, "/a/1", "x"));
  const silent = new Replay([a], 1_005);
  assertThrows(() => silent.confirmed, Error, "does not serve its watches");
  const other = new Replay([a], 1_005);
  other.batch(batch(990, "/a/1", "y"));
  assert(other.isOver);
  assertThrows(() => other.confirmed, Error, "restored from a backup");
});

Deno.test("etcd replay: a watch that was made anew meanwhile is neither proven nor blamed", async () => {
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

Deno.test("etcd replay: after a compaction what is left to compare is, and the rest is asked for no more", async () => {
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

Deno.test("etcd replay: a compaction leaves what is on its way the time to come, a refusal does not", async () => {
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

Deno.test("etcd replay: an answer of the revision in question is the last one, unless there may be another", async () => {
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
