import { assertEquals } from "@std/assert";
import { EtcdWatch } from "../../../../lib/store/etcd/watch.ts";
import type { Batch, Item } from "../../../../lib/store/store.ts";

function head(revision: number, raftTerm = 2, clusterId = "1") {
  return { clusterId, raftTerm, revision };
}

function batch(revision: number, key = "/a/1"): Batch {
  const value = new TextEncoder().encode(`${revision}`);
  return { type: "batch", revision, changes: [{ key, value }] };
}

/** Lets a watch that starts with an empty snapshot at revision 5 do something. @returns what it delivers then */
async function delivered(run: (watch: EtcdWatch) => void): Promise<Item[]> {
  const items = new ReadableStream<Item>({
    start: (controller) => {
      const watch = new EtcdWatch("/a/", controller);
      watch.reset({ type: "snapshot", revision: 5, entries: [] }, head(5));
      run(watch);
      controller.close();
    },
  });
  return (await Array.fromAsync(items)).slice(1);
}

const revisions = (items: readonly Item[]) => items.map((one) => one.revision);

Deno.test("etcd watch: what is replayed is delivered once, also after it was proven", async () => {
  const items = await delivered((watch) => {
    assertEquals(watch.take(batch(6)), true);
    assertEquals(watch.take(batch(8)), true);
    assertEquals(watch.take(batch(6)), true);
    watch.prove(head(9));
    assertEquals(watch.take(batch(8)), true);
    assertEquals(watch.take(batch(10)), true);
  });
  assertEquals(revisions(items), [6, 8, 10]);
});

Deno.test("etcd watch: what comes after what followed it, or after it was thought to be proven, was missed", async () => {
  const items = await delivered((watch) => {
    assertEquals(watch.take(batch(8)), true);
    assertEquals(watch.take(batch(7)), false);
    assertEquals([watch.knows(8), watch.knows(7)], [true, false]);
    watch.prove(head(12));
    assertEquals(watch.take(batch(11)), false);
  });
  assertEquals(revisions(items), [8]);
});

Deno.test("etcd watch: another history is one with another id, fewer elections or fewer revisions", async () => {
  await delivered((watch) => {
    watch.take(batch(8));
    assertEquals(watch.isOf(head(8)), true);
    assertEquals(watch.isOf(head(7)), false);
    assertEquals(watch.isOf(head(7), 7), true);
    assertEquals(watch.isOf(head(8, 2, "2")), false);
    watch.prove(head(9, 4));
    assertEquals(watch.isOf(head(9, 3)), false);
    assertEquals(watch.isOf(head(9, 4)), true);
  });
});

Deno.test("etcd watch: a revision is only asked for again when it is small", async () => {
  await delivered((watch) => {
    assertEquals(watch.landmark, undefined);
    watch.take(batch(6));
    assertEquals([watch.landmark?.revision, watch.canReplay], [6, true]);
    const value = new Uint8Array(40_000);
    const changes = [{ key: "/a/1", value }, { key: "/a/2", value }];
    watch.take({ type: "batch", revision: 7, changes });
    assertEquals([watch.landmark?.key, watch.canReplay], ["/a/2", false]);
  });
});

Deno.test("etcd watch: an inventory names what changed since it was begun, and is void after a snapshot", async () => {
  const keys = new Map([["/a/1", 6]]);
  const items = await delivered((watch) => {
    watch.take(batch(6));
    watch.beginInventory();
    watch.take(batch(7, "/a/2"));
    watch.deliver({ revision: 6, keys });
    watch.beginInventory();
    watch.reset({ type: "snapshot", revision: 9, entries: [] }, head(9));
    watch.deliver({ revision: 8, keys });
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
