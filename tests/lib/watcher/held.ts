/**
 * Follows the cluster in an etcd and says, on a line of JSON, what it holds
 * then, and what the groups' answers would take, both in bytes. Needs
 * `--v8-flags=--expose-gc`.
 *
 *     deno run … tests/lib/watcher/held.ts ENDPOINT
 *
 * @module
 */
import { encodeGroup } from "../../../lib/overview/group.ts";
import { EtcdStore } from "../../../lib/store/etcd/store.ts";
import { followCluster } from "../../../lib/watcher/cluster.ts";
import { sleep } from "../../../lib/time.ts";

declare const gc: () => void;

const [endpoint = ""] = Deno.args;
const { signal } = new AbortController();
const cluster = followCluster(new EtcdStore([endpoint]), signal);
await Promise.all(Object.values(cluster).map(({ synced }) => synced));

/** The least of some collections: what is still under way is held, too. */
let held = Infinity;
for (let i = 0; i < 5; i++) {
  await sleep(50, signal);
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  held = Math.min(held, heapUsed + external);
}
let needed = 0;
for (const [, group] of cluster.podgroup.entries("")) {
  needed += encodeGroup(group).length;
}
console.log(JSON.stringify({ held, needed }));
Deno.exit();
