import { assert, assertEquals, assertRejects } from "@std/assert";
import { EtcdWatch } from "../../../../lib/store/etcd/watch.ts";
import type {
  Batch,
  Entry,
  Pages,
  Snapshot,
  WatchEvent,
} from "../../../../lib/store/store.ts";
import { type ReadEvent, readEvent } from "../../../util/collector.ts";

function head(revision: number, raftTerm = 2, clusterId = "1") {
  return { clusterId, raftTerm, revision };
}

function batch(revision: number, key = "/a/1"): Batch {
  const value = new TextEncoder().encode(`${revision}`);
  return { type: "batch", revision, changes: [{ key, value }] };
}

/** Lets a watch that starts with an empty snapshot at revision 5 do something. @returns what it delivers then */
async function delivered(
  run: (watch: EtcdWatch) => void,
): Promise<ReadEvent[]> {
  const opened: [EtcdWatch, ReadableStreamDefaultController][] = [];
  const items = new ReadableStream<WatchEvent>({
    start: (controller) =>
      void opened.push([new EtcdWatch("/a/", controller), controller]),
  });
  const [[watch, controller] = []] = opened;
  assert(watch && controller);
  const reader = items.getReader();
  const taken = watch.deliverSnapshot(snapshot(5), head(5));
  const { value } = await reader.read();
  assert(value);
  await readEvent(value);
  await taken;
  reader.releaseLock();
  run(watch);
  controller.close();
  return await Array.fromAsync(items, readEvent);
}

function snapshot(revision: number, pages: Pages = []): Snapshot {
  return { type: "snapshot", revision, pages };
}

const revisions = (items: readonly ReadEvent[]) =>
  items.map((one) => one.revision);

Deno.test("etcd watch: a replayed revision is delivered once, also after it was confirmed", async () => {
  const items = await delivered((watch) => {
    assertEquals(watch.deliver(batch(6)), true);
    assertEquals(watch.deliver(batch(8)), true);
    assertEquals(watch.deliver(batch(6)), true);
    watch.confirm(head(9));
    assertEquals(watch.deliver(batch(8)), true);
    assertEquals(watch.deliver(batch(10)), true);
  });
  assertEquals(revisions(items), [6, 8, 10]);
});

Deno.test("etcd watch: a revision that comes out of order, or after it was confirmed, was missed", async () => {
  const items = await delivered((watch) => {
    assertEquals(watch.deliver(batch(8)), true);
    assertEquals(watch.deliver(batch(7)), false);
    assertEquals([watch.hasDelivered(8), watch.hasDelivered(7)], [true, false]);
    watch.confirm(head(12));
    assertEquals(watch.deliver(batch(11)), false);
  });
  assertEquals(revisions(items), [8]);
});

Deno.test("etcd watch: another history is one with another id, fewer elections or fewer revisions", async () => {
  await delivered((watch) => {
    watch.deliver(batch(8));
    assertEquals(watch.isSameHistory(head(8)), true);
    assertEquals(watch.isSameHistory(head(7)), false);
    assertEquals(watch.isSameHistory(head(7), 7), true);
    assertEquals(watch.isSameHistory(head(8, 2, "2")), false);
    watch.confirm(head(9, 4));
    assertEquals(watch.isSameHistory(head(9, 3)), false);
    assertEquals(watch.isSameHistory(head(9, 4)), true);
  });
});

Deno.test("etcd watch: only a small revision can be replayed", async () => {
  await delivered((watch) => {
    assertEquals(watch.checkpoint, undefined);
    watch.deliver(batch(6));
    assertEquals([watch.checkpoint?.revision, watch.canReplay], [6, true]);
    const value = new Uint8Array(40_000);
    const changes = [{ key: "/a/1", value }, { key: "/a/2", value }];
    watch.deliver({ type: "batch", revision: 7, changes });
    assertEquals([watch.checkpoint?.key, watch.canReplay], ["/a/2", false]);
  });
});

Deno.test("etcd watch: an inventory has the keys that changed since it was begun, and is dropped after a snapshot", async () => {
  const keys = new Map([["/a/1", 6]]);
  const items = await delivered((watch) => {
    watch.deliver(batch(6));
    watch.beginInventory();
    watch.deliver(batch(7, "/a/2"));
    watch.deliverInventory({ revision: 6, keys });
    watch.beginInventory();
    watch.deliverSnapshot(snapshot(9), head(9));
    watch.deliverInventory({ revision: 8, keys });
  });
  assertEquals(items.map(({ type }) => type), [
    "batch",
    "batch",
    "inventory",
    "snapshot",
  ]);
  const [, , inventory] = items;
  assertEquals(inventory, {
    type: "inventory",
    revision: 6,
    keys,
    unsettled: new Set(["/a/2"]),
  });
});

/** Reads a snapshot of these pages by a watch. @returns that, and whether it was taken, as {@linkcode EtcdWatch.deliverSnapshot} says */
async function taking(
  pages: Pages,
  read: (item: WatchEvent) => Promise<unknown>,
): Promise<{ watch: EtcdWatch; taken: Promise<void> }> {
  const watches: EtcdWatch[] = [];
  const items = new ReadableStream<WatchEvent>({
    start: (controller) => void watches.push(new EtcdWatch("/a/", controller)),
  });
  const [watch] = watches;
  assert(watch);
  const taken = watch.deliverSnapshot(snapshot(9, pages), head(9));
  taken.catch(() => {});
  const { value } = await items.getReader().read();
  assert(value);
  await read(value);
  return { watch, taken };
}

function entry(key: string, revision: number): Entry {
  return { key, revision, value: new TextEncoder().encode(`${revision}`) };
}

Deno.test("etcd watch: a snapshot is confirmed when all pages were read, and its newest key is the checkpoint", async () => {
  const pages = [
    [entry("/a/1", 3), entry("/a/2", 8)],
    [entry("/a/3", 8), entry("/a/4", 5)],
    [],
  ];
  const { watch, taken } = await taking(pages, readEvent);
  await taken;
  assertEquals([watch.confirmedRevision, watch.checkpoint], [
    9,
    entry("/a/3", 8),
  ]);
});

Deno.test("etcd watch: a snapshot with a failed page, or whose watch ended, does not count", async () => {
  async function* failing() {
    yield [entry("/a/1", 3)];
    await Promise.reject(new Error("cut"));
  }
  const failed = await taking(
    failing(),
    (item) => assertRejects(() => readEvent(item), Error, "cut"),
  );
  await assertRejects(() => failed.taken, Error, "cut");
  assertEquals([failed.watch.confirmedRevision, failed.watch.checkpoint], [
    undefined,
    undefined,
  ]);
  const left = await taking([[entry("/a/1", 3)], []], async (item) => {
    assert(item.type === "snapshot");
    for await (const page of item.pages) return page;
  });
  await left.taken;
  assertEquals(left.watch.confirmedRevision, undefined);
});
