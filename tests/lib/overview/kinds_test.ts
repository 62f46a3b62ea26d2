import { assertEquals } from "@std/assert";
import { together } from "../../../lib/overview/kinds.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { followCluster } from "../../../lib/watcher/cluster.ts";

Deno.test("kinds: who asks before the first read leaves nothing with the watchers", async () => {
  const stop = new AbortController();
  const cluster = followCluster(
    new MemoryStore([["/lain/config/a", "1"]]),
    stop.signal,
  );
  let asked = 0;
  const { synced } = cluster.nodes;
  Object.defineProperty(cluster.nodes, "synced", {
    get: () => (asked++, synced),
  });
  const all = together(cluster);
  assertEquals([all.isSynced, asked], [false, 0]);
  await all.synced;
  assertEquals([together(cluster).isSynced, asked], [true, 1]);
  stop.abort();
});
