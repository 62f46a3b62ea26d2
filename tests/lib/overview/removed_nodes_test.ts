import { assert, assertEquals } from "@std/assert";
import { Client } from "../../../lib/client/client.ts";
import { ChangeLog } from "../../../lib/overview/change_log.ts";
import { RemovedNodes } from "../../../lib/overview/removed_nodes.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { followCluster } from "../../../lib/watcher/cluster.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

const PREFIX = "/lain/nodes/nodes/";
const N1 = "n1:192.0.2.1:22";
const N2 = "n2:192.0.2.2:22";
const BOTH = [[PREFIX + N1, "{}"], [PREFIX + N2, "{}"]] as const;

/** Follows a store, and writes and reads what was written. */
async function scene(
  store: MemoryStore,
  options: ConstructorParameters<typeof ChangeLog>[1] = {},
) {
  const stop = new AbortController();
  const cluster = followCluster(store, stop.signal);
  const log = new ChangeLog(cluster, options);
  const removed = new RemovedNodes(cluster, log);
  await Promise.all(Object.values(cluster).map(({ synced }) => synced));
  return {
    log,
    removed,
    async change(write: () => void) {
      const { version } = log;
      write();
      await eventually(
        "the change is recorded",
        () => log.version > version || undefined,
      );
    },
    [Symbol.dispose]: () => stop.abort(),
  };
}

Deno.test("removed nodes: since they were removed, until they are registered again", async () => {
  const begin = Date.now();
  const store = new MemoryStore(BOTH);
  using s = await scene(store, { maxEntries: 3 });
  assertEquals(s.removed.since, []);
  await s.change(() => store.delete(PREFIX + N1));
  const [[key, first] = [], ...others] = s.removed.since;
  assertEquals([key, first?.isAtLeast, others], [N1, false, []]);
  assert(first && first.time >= begin && first.time <= Date.now());
  await s.change(() => store.put(PREFIX + N1, "{}"));
  assertEquals(s.removed.since, []);
  await s.change(() => store.delete(PREFIX + N1));
  // The record of the first removal is dropped, and not that of the last one.
  await s.change(() => store.put("/lain/config/a", "1"));
  assertEquals([...s.log.records()].map(({ number }) => number), [2, 3, 4]);
  assertEquals(s.removed.since.map(([key]) => key), [N1]);
  await s.change(() => store.put("/lain/config/a", "2"));
  await s.change(() => store.put("/lain/config/a", "3"));
  assertEquals([...s.log.records()].map(({ number }) => number), [4, 5, 6]);
  assertEquals(s.removed.since, []);
});

Deno.test("removed nodes: a restart does not forget when a node was removed", async () => {
  const store = new MemoryStore(BOTH);
  let take: (isLast: boolean) => Iterable<Uint8Array> = () => [];
  using before = await scene(store, {
    keeper: {
      keepNotes: (keeper) => {
        ({ take } = keeper);
        return undefined;
      },
    },
  });
  await eventually("the history begins", () => before.log.history.begin);
  await before.change(() => store.delete(PREFIX + N1));
  const saved = { notes: [...take(true)], at: Date.now() };
  using after = await scene(store, { keeper: { keepNotes: () => saved } });
  assertEquals(after.removed.since, before.removed.since);
  assertEquals(after.removed.since.map(([key]) => key), [N1]);
});

Deno.test("removed nodes: the overview says since when they, and invalid values, are so", async () => {
  const begin = Date.now();
  const store = new MemoryStore([...BOTH, [`${PREFIX}old:192.0.2.9:22`, "?"]]);
  await using lainlet = await new TestLainlet(store).ready();
  const client = new Client(lainlet.url);
  const { nodes } = lainlet.lainlet.cluster;
  const present = async () =>
    (await client.get("overview", {}))["lainlet/present"];
  const first = (await present()).rejectedSince;
  const atStart = first["nodes: old:192.0.2.9:22"];
  assertEquals(atStart?.isAtLeast, true);
  store.delete(PREFIX + N1);
  store.put(PREFIX + N2, "{");
  await eventually("both are read", () => nodes.rejected.size > 1 || undefined);
  const { unregisteredSince, rejectedSince } = await present();
  const removed = unregisteredSince[N1];
  const invalid = rejectedSince[`nodes: ${N2}`];
  assertEquals([removed?.isAtLeast, invalid?.isAtLeast], [false, false]);
  for (const one of [removed, invalid]) {
    const time = Date.parse(one?.time ?? "");
    assert(time >= begin && time <= Date.now());
  }
  // Another invalid value, and one that is written again, began with the first.
  const { rejections } = nodes;
  store.put(PREFIX + N2, "[");
  store.put(`${PREFIX}old:192.0.2.9:22`, "??");
  await eventually(
    "both are read",
    () => nodes.rejections >= rejections + 2 || undefined,
  );
  assertEquals((await present()).rejectedSince, rejectedSince);
});
