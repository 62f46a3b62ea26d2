import { assertEquals, assertThrows } from "@std/assert";
import { checksum } from "../../../../lib/store/etcd2/messages.ts";
import { Etcd2Watch } from "../../../../lib/store/etcd2/watch.ts";
import type { WatchEvent } from "../../../../lib/store/store.ts";

function header(
  revision: number,
  raftTerm = 2,
  raftIndex = revision,
  clusterId = "1",
) {
  return { clusterId, revision, raftTerm, raftIndex };
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
      watch.deliverSnapshot({ header: header(5), entries }, 0);
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

Deno.test("etcd2 watch: a removed directory removes its keys", async () => {
  for (const above of ["/a", "/", ""]) {
    const items = await delivered((watch) => {
      watch.deliver(put(6, "/a/2"));
      watch.deliver(directory(true, 7, "/a/b"));
      watch.deliver(directory(true, 8, above));
      watch.deliver(put(9, "/a/b/1"));
    });
    assertEquals(told(items), [
      [6, { "/a/2": "6" }],
      [7, { "/a/b/1": null }],
      [8, { "/a/1": null, "/a/2": null }],
      [9, { "/a/b/1": "9" }],
    ]);
  }
});

Deno.test("etcd2 watch: keys that a list hides make no batch", async () => {
  const items = await delivered((watch) => {
    watch.deliver(directory(false, 6, "/a/b"));
    watch.deliver(directory(true, 7, "/a/bb"));
    watch.deliver(put(8, "/a/_hidden"));
    watch.deliver(put(9, "/a/b/_hidden/1"));
    watch.deliver(put(10, "/ab"));
    watch.deliver({ ...put(11, "/a/none"), isRemoval: true });
    assertEquals(watch.nextIndex, 12);
    // A key's place is taken by a directory.
    watch.deliver(directory(false, 12, "/a/1"));
  });
  assertEquals(told(items), [[12, { "/a/1": null }]]);
});

Deno.test("etcd2 watch: what was confirmed once is polled for again, and counts as missed if it comes then", async () => {
  const items = await delivered((watch) => {
    watch.confirm(header(10));
    assertEquals([watch.nextIndex, watch.completeRevision], [6, 10]);
    watch.confirm(header(10));
    assertEquals([watch.nextIndex, watch.completeRevision], [6, 10]);
    watch.confirm(header(20));
    assertEquals([watch.nextIndex, watch.completeRevision], [11, 20]);
    assertEquals(watch.deliver(put(15, "/a/1")), false);
    assertEquals(watch.deliver(put(21, "/a/1")), true);
    watch.renewPoll(25);
    assertEquals(watch.deliver(put(24, "/a/1")), false);
    assertEquals(watch.deliver(put(26, "/a/1")), true);
    watch.renewPoll(30);
    // With another connection it is no wonder.
    watch.resume();
    assertEquals(watch.deliver(put(29, "/a/1")), true);
    assertThrows(
      () => watch.deliver(put(29, "/a/1")),
      Error,
      "not asked for",
    );
  });
  assertEquals(items.map(({ revision }) => revision), [15, 21, 24, 26, 29]);
});

Deno.test("etcd2 watch: another history has another id, or lower counts", async () => {
  await delivered((watch) => {
    watch.deliver(put(8, "/a/1"));
    assertEquals(watch.isSameHistory(header(8)), true);
    assertEquals(watch.isSameHistory(header(7)), false);
    assertEquals(watch.isSameHistory(header(7), 7), true);
    assertEquals(watch.isSameHistory(header(8, 1)), false);
    assertEquals(watch.isSameHistory(header(8, 2, 4)), false);
    assertEquals(watch.isSameHistory(header(8, 2, 8, "2")), false);
    // The answer for a key that is not there does not tell.
    watch.confirm({ clusterId: "1", revision: 8 });
    assertEquals(watch.isSameHistory({ clusterId: "1", revision: 8 }), true);
    assertEquals(watch.isSameHistory(header(8, 1)), false);
  });
});

Deno.test("etcd2 watch: a refreshed TTL is no difference, another value is", async () => {
  const [inventory] = await delivered((watch) => {
    watch.beginInventory();
    const keys = watch.revisionsOf(
      new Map([
        ["/a/1", { revision: 8, checksum: checksum(bytes("/a/1")) }],
        ["/a/b/1", { revision: 9, checksum: checksum(bytes("/a/b/2")) }],
      ]),
    );
    watch.deliverInventory({ revision: 9, keys });
  });
  assertEquals(inventory, {
    type: "inventory",
    revision: 9,
    keys: new Map([["/a/1", 3], ["/a/b/1", 9]]),
    unsettled: new Set<string>(),
  });
});
