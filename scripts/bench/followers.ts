/**
 * The load of many lainlets on their etcd: stores, each with a connection, four
 * watches and its freshness checks.
 *
 * @module
 */
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { followCluster } from "../../lib/watcher/cluster.ts";
import { obey } from "./child.ts";

/** How many connect at a time. */
const TOGETHER = 20;

/** What the process can do. */
export const followers = {
  /** Follows a cluster so many times, from now on. */
  async follow({ endpoint, count }: { endpoint: string; count: number }) {
    for (let i = 0; i < count; i += TOGETHER) {
      const some = Array.from({ length: Math.min(TOGETHER, count - i) }, () => {
        const store = new EtcdStore([endpoint]);
        const { podgroup } = followCluster(store, new AbortController().signal);
        return podgroup.synced;
      });
      await Promise.all(some);
    }
  },
};

if (import.meta.main) await obey(followers);
