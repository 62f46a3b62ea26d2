import { assert, assertEquals } from "@std/assert";
import type { WatchEvent } from "../../../../lib/store/store.ts";
import { type ReadEvent, readEvent } from "../../../util/collector.ts";
import type { ReadResult } from "../../../../lib/store/zookeeper/connection.ts";
import type { WalkResult } from "../../../../lib/store/zookeeper/walk.ts";
import { ZooKeeperWatch } from "../../../../lib/store/zookeeper/watch.ts";

/** A znode that some transaction wrote; "" is a folder. */
function znode(mzxid: number, value = `${mzxid}`, mtime = 1): ReadResult {
  const data = new TextEncoder().encode(value);
  const stat = { mzxid, mtime, size: data.length, children: 0 };
  return { zxid: mzxid, isRefused: false, stat, data };
}

const gone = (zxid: number): ReadResult => ({ zxid, isRefused: false });

function finds(
  zxid: number,
  znodes: Record<string, ReadResult>,
  ...refused: string[]
): WalkResult {
  return {
    zxid,
    znodes: new Map(Object.entries(znodes)),
    refused: new Set(refused),
  };
}

/** Reads what an event was about. */
function round(watch: ZooKeeperWatch, found: WalkResult): void {
  watch.takeDirty();
  watch.endRound(found, 0);
}

/** Lets a watch on `/a/` that holds `/a/1` and `/a/2` of zxid 5 do something. @returns what it delivers then */
async function delivered(
  run: (watch: ZooKeeperWatch) => void,
): Promise<unknown[]> {
  const items = new ReadableStream<WatchEvent>({
    start: (controller) => {
      const watch = new ZooKeeperWatch("/a/", "/top", controller);
      watch.resume(5);
      const all = { "/top/a/2": znode(4), "/top/a/1": znode(5) };
      round(watch, finds(5, { "/top/a": znode(3, "no key"), ...all }));
      run(watch);
      controller.close();
    },
  });
  const [snapshot, ...others] = await Array.fromAsync(items, readEvent);
  assertEquals(
    snapshot?.type === "snapshot" && snapshot.entries.map(({ key }) => key),
    ["/a/1", "/a/2"],
  );
  return others.map(effect);
}

/** What an item does to each key; a removal is null. */
function effect(item: ReadEvent): unknown {
  if (item.type === "inventory") return [...item.keys];
  if (item.type === "progress") return item.revision;
  const list = item.type === "batch" ? item.changes : item.entries;
  const entries = list.map(({ key, value }) =>
    [key, value ? new TextDecoder().decode(value) : null] as const
  );
  return [item.type, item.revision, Object.fromEntries(entries)];
}

Deno.test("ZooKeeper watch: znodes that get events while others are read are read, too, and make one batch", async () => {
  const items = await delivered((watch) => {
    watch.markDirty("/top/a/1");
    watch.takeDirty();
    watch.markDirty("/top/a/2");
    watch.markDirty("/top/a/3");
    watch.markDirty("/top/b/1");
    watch.endRound(finds(6, { "/top/a/1": znode(6) }), 0);
    assertEquals(watch.isComplete(6), false);
    round(watch, finds(6, { "/top/a/2": gone(6), "/top/a/3": znode(6) }));
    assertEquals(watch.isComplete(6), true);
  });
  assertEquals(items, [
    ["batch", 6, { "/a/1": "6", "/a/2": null, "/a/3": "6" }],
  ]);
});

Deno.test("ZooKeeper watch: under constant writes, complete transactions are delivered after some rounds", async () => {
  const items = await delivered((watch) => {
    let zxid = 5;
    for (let i = 0; i < 13; i++) {
      watch.markDirty("/top/a/1");
      watch.takeDirty();
      watch.markDirty("/top/a/1");
      watch.endRound(finds(++zxid, { "/top/a/1": znode(zxid) }), 0);
    }
    assertEquals(watch.isComplete(15), true);
    assertEquals(watch.isComplete(17), false);
    // One that was removed before the last round is not late.
    for (let i = 0; i < 5; i++) {
      watch.takeDirty();
      watch.markDirty("/top/a/1");
      if (i === 3) watch.markDirty("/top/a/2");
      zxid++;
      watch.endRound(
        i < 4 ? finds(zxid, {}) : finds(zxid, {
          "/top/a/2": gone(zxid),
        }),
        0,
      );
    }
  });
  assertEquals(items, [
    ["batch", 10, { "/a/1": "10" }],
    ["batch", 16, { "/a/1": "16" }],
    ["batch", 23, { "/a/1": "18", "/a/2": null }],
  ]);
});

Deno.test("ZooKeeper watch: a znode that was written and removed before it was read advances the revision", async () => {
  const items = await delivered((watch) => {
    for (let zxid = 6; zxid <= 11; zxid++) {
      watch.markDirty("/top/a/3");
      watch.takeDirty();
      watch.markDirty("/top/a/3");
      watch.endRound(finds(zxid, { "/top/a/3": gone(zxid) }), 0);
    }
    assertEquals(watch.completeRevision, 9);
    // When nothing happens any more, what is whole tells as much.
    round(watch, finds(11, { "/top/a/3": gone(11) }));
    assertEquals(watch.completeRevision, 11);
  });
  assertEquals(items, [["batch", 10, {}]]);
});

Deno.test("ZooKeeper watch: under constant writes, the first snapshot has its complete revision", async () => {
  const items = new ReadableStream<WatchEvent>({
    start: (controller) => {
      const watch = new ZooKeeperWatch("/a/", "/top", controller);
      watch.resume(5);
      for (let zxid = 6; zxid <= 11; zxid++) {
        watch.takeDirty();
        watch.markDirty("/top/a/1");
        watch.endRound(finds(zxid, { "/top/a/1": znode(zxid) }), 2);
      }
      controller.close();
    },
  });
  const [snapshot, ...others] = await Array.fromAsync(items);
  assertEquals(others, []);
  assert(snapshot?.type === "snapshot");
  const { revision, completeRevision: complete, history } = snapshot;
  assertEquals([revision, complete, history], [11, 9, 2]);
});

Deno.test("ZooKeeper watch: on another connection it delivers what differs, or another history", async () => {
  const items = await delivered((watch) => {
    watch.resume(9);
    assertEquals([...watch.takeDirty()], [["/top/a", true]]);
    const same = { zxid: 9, isRefused: false, stat: znode(5).stat };
    watch.endRound(finds(9, { "/top/a": znode(3, ""), "/top/a/1": same }), 0);
    // One that was not come by is asked for by its name.
    assertEquals([...watch.takeDirty()], [["/top/a/2", false]]);
    watch.endRound(finds(9, { "/top/a/2": znode(4, "other", 2) }), 0);
    assertEquals(watch.revision, 9);
    watch.forget();
    assertEquals(watch.revision, 0);
    watch.resume(3);
    round(watch, finds(3, { "/top/a": znode(2, ""), "/top/a/1": znode(3) }));
  });
  assertEquals(items, [
    ["batch", 5, { "/a/2": "other" }],
    ["snapshot", 3, { "/a/1": "3" }],
  ]);
});

Deno.test("ZooKeeper watch: a refused znode keeps its value, and is reported", async () => {
  const items = await delivered((watch) => {
    watch.markDirty("/top/a/1");
    round(watch, finds(6, {}, "/top/a/1"));
    assertEquals(watch.refusal?.endsWith("let it read /top/a/1"), true);
    assertEquals(watch.isComplete(6), false);
    watch.markDirty("/top/a/2");
    round(watch, finds(7, { "/top/a/2": znode(7) }));
    watch.markDirty("/top/a/1");
    round(watch, finds(8, { "/top/a/1": znode(6) }));
    assertEquals([watch.refusal, watch.isComplete(8)], [undefined, true]);
  });
  assertEquals(items, [
    ["batch", 7, { "/a/2": "7" }],
    ["batch", 7, { "/a/1": "6" }],
  ]);
});

Deno.test("ZooKeeper watch: while something is refused no state is complete; a snapshot without it is followed by a whole one", async () => {
  const items = new ReadableStream<WatchEvent>({
    start: (controller) => {
      const watch = new ZooKeeperWatch("/a/", "/top", controller);
      watch.resume(5);
      const folder = { "/top/a": znode(3, "") };
      const one = { "/top/a/1": znode(5) };
      round(watch, finds(5, { ...folder, ...one }, "/top/a/2", "/top/a/3"));
      assertEquals(watch.completeRevision, 0);
      watch.markDirty("/top/a/1");
      round(watch, finds(6, { "/top/a/1": znode(6) }));
      watch.markDirty("/top/a/4");
      // Written and removed: nothing is new but the revision.
      round(watch, finds(7, { "/top/a/4": gone(7) }));
      round(watch, finds(7, { "/top/a/1": znode(6) }));
      round(watch, finds(8, { "/top/a/2": znode(4) }));
      assertEquals(watch.completeRevision, 0);
      // One of them is gone, and what was beneath the other may be.
      round(watch, finds(9, { "/top/a/3": gone(9) }));
      assertEquals([...watch.takeDirty()], [["/top/a", true]]);
      const all = { ...folder, "/top/a/1": znode(6), "/top/a/2": znode(4) };
      watch.endRound(finds(9, all), 0);
      assertEquals(watch.completeRevision, 9);
      controller.close();
    },
  });
  const found = await Array.fromAsync(items, readEvent);
  assertEquals(found.map(effect), [
    ["snapshot", 5, { "/a/1": "5" }],
    ["batch", 6, { "/a/1": "6" }],
    ["batch", 7, {}],
    ["batch", 7, { "/a/2": "4" }],
    ["snapshot", 9, { "/a/1": "6", "/a/2": "4" }],
  ]);
  const refused = found.map((item) =>
    item.type === "snapshot" ? item.refused : undefined
  );
  assertEquals(refused[0], ["/a/2", "/a/3"]);
  assertEquals(refused.at(-1), undefined);
});

Deno.test("ZooKeeper watch: an inventory has the revision that each key was delivered with", async () => {
  const items = await delivered((watch) => {
    watch.markDirty("/top/a/2");
    watch.markDirty("/top/a/3");
    round(watch, finds(9, { "/top/a/2": znode(6), "/top/a/3": znode(9) }));
    watch.beginInventory();
    const { znodes } = finds(9, {
      "/top/a": znode(3, ""),
      "/top/a/1": znode(8),
      "/top/a/2": znode(6),
      "/top/a/3": znode(9),
      "/top/a/4": znode(9, ""),
    });
    const keys = watch.revisionsOf(znodes);
    watch.deliverInventory({ revision: 9, keys });
    // Everything is read anew meanwhile.
    watch.beginInventory();
    watch.resume(9);
    watch.deliverInventory({ revision: 9, keys: new Map() });
  });
  assertEquals(items[1], [["/a/1", 8], ["/a/2", 9], ["/a/3", 9]]);
  assertEquals(items.length, 2);
});
