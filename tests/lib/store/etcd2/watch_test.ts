import { assertEquals, assertThrows } from "@std/assert";
import { sumOf } from "../../../../lib/store/etcd2/messages.ts";
import { Etcd2Watch } from "../../../../lib/store/etcd2/watch.ts";
import type { WatchEvent } from "../../../../lib/store/store.ts";

function head(index: number, raftTerm = 2, raftIndex = index, clusterId = "1") {
  return { clusterId, index, raftTerm, raftIndex };
}

const bytes = (text: string) => new TextEncoder().encode(text);

function put(index: number, key: string, value = `${index}`) {
  const node = { key, isDirectory: false, value, index };
  return { isRemoval: false, node };
}

function directory(isRemoval: boolean, index: number, key: string) {
  return { isRemoval, node: { key, isDirectory: true, value: "", index } };
}

/** Lets a watch that starts with `/a/1` and `/a/b/1` at index 5 do something. @returns what it delivers then */
async function delivered(
  run: (watch: Etcd2Watch) => void,
): Promise<WatchEvent[]> {
  const items = new ReadableStream<WatchEvent>({
    start: (controller) => {
      const watch = new Etcd2Watch("/a/", controller);
      const entries = ["/a/b/1", "/a/1"].map((key, i) => ({
        key,
        value: bytes(key),
        revision: 4 - i,
      }));
      watch.reset({ head: head(5), entries }, 0);
      run(watch);
      controller.close();
    },
  });
  return (await Array.fromAsync(items)).slice(1);
}

/** What each batch did to each key; a removal is null. */
function told(
  items: readonly WatchEvent[],
): [number, Record<string, string | null>][] {
  return items.map((item) => [
    item.revision,
    Object.fromEntries(
      item.type !== "batch" ? [] : item.changes.map(({ key, value }) => [
        key,
        value === undefined ? null : new TextDecoder().decode(value),
      ]),
    ),
  ]);
}

Deno.test("etcd2 watch: a directory that is gone takes its keys along", async () => {
  for (const above of ["/a", "/", ""]) {
    const items = await delivered((watch) => {
      watch.take(put(6, "/a/2"));
      watch.take(directory(true, 7, "/a/b"));
      watch.take(directory(true, 8, above));
      watch.take(put(9, "/a/b/1"));
    });
    assertEquals(told(items), [
      [6, { "/a/2": "6" }],
      [7, { "/a/b/1": null }],
      [8, { "/a/1": null, "/a/2": null }],
      [9, { "/a/b/1": "9" }],
    ]);
  }
});

Deno.test("etcd2 watch: what a list would not show makes no batch", async () => {
  const items = await delivered((watch) => {
    watch.take(directory(false, 6, "/a/b"));
    watch.take(directory(true, 7, "/a/bb"));
    watch.take(put(8, "/a/_hidden"));
    watch.take(put(9, "/a/b/_hidden/1"));
    watch.take(put(10, "/ab"));
    watch.take({ ...put(11, "/a/none"), isRemoval: true });
    assertEquals(watch.next, 12);
    // A key's place is taken by a directory.
    watch.take(directory(false, 12, "/a/1"));
  });
  assertEquals(told(items), [[12, { "/a/1": null }]]);
});

Deno.test("etcd2 watch: what was proven once is asked for again, and late if it comes then", async () => {
  const items = await delivered((watch) => {
    watch.prove(head(10));
    assertEquals([watch.next, watch.complete], [6, 10]);
    watch.prove(head(10));
    assertEquals([watch.next, watch.complete], [6, 10]);
    watch.prove(head(20));
    assertEquals([watch.next, watch.complete], [11, 20]);
    assertEquals(watch.take(put(15, "/a/1")), false);
    assertEquals(watch.take(put(21, "/a/1")), true);
    watch.renew(25);
    assertEquals(watch.take(put(24, "/a/1")), false);
    assertEquals(watch.take(put(26, "/a/1")), true);
    watch.renew(30);
    // With another connection it is no wonder.
    watch.resume();
    assertEquals(watch.take(put(29, "/a/1")), true);
    assertThrows(() => watch.take(put(29, "/a/1")), Error, "not asked for");
  });
  assertEquals(items.map(({ revision }) => revision), [15, 21, 24, 26, 29]);
});

Deno.test("etcd2 watch: another history is one with another id, or that counted less", async () => {
  await delivered((watch) => {
    watch.take(put(8, "/a/1"));
    assertEquals(watch.isOf(head(8)), true);
    assertEquals(watch.isOf(head(7)), false);
    assertEquals(watch.isOf(head(7), 7), true);
    assertEquals(watch.isOf(head(8, 1)), false);
    assertEquals(watch.isOf(head(8, 2, 4)), false);
    assertEquals(watch.isOf(head(8, 2, 8, "2")), false);
    // The answer for a key that is not there does not tell.
    watch.prove({ clusterId: "1", index: 8 });
    assertEquals(watch.isOf({ clusterId: "1", index: 8 }), true);
    assertEquals(watch.isOf(head(8, 1)), false);
  });
});

Deno.test("etcd2 watch: a refresh is no difference, another value is one", async () => {
  const [inventory] = await delivered((watch) => {
    watch.beginInventory();
    watch.deliver({
      head: head(9),
      sums: new Map([
        ["/a/1", { revision: 8, sum: sumOf(bytes("/a/1")) }],
        ["/a/b/1", { revision: 9, sum: sumOf(bytes("/a/b/2")) }],
      ]),
    });
  });
  assertEquals(inventory, {
    type: "inventory",
    revision: 9,
    keys: new Map([["/a/1", 3], ["/a/b/1", 9]]),
    unsettled: new Set<string>(),
  });
});
