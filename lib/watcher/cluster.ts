import type { Store } from "../store/store.ts";
import { type Config, config } from "./config.ts";
import { containers, type PlacedContainer } from "./container.ts";
import { type Depends, depends } from "./depends.ts";
import { follow } from "./follow.ts";
import { type Node, nodes } from "./nodes.ts";
import { type PodGroup, podgroup } from "./podgroup.ts";
import type { Watcher } from "./watcher.ts";

/** Which node a lainlet serves. */
export interface Host {
  /** Its address, "" when not known. */
  readonly ip: string;
  readonly hostname: string;
}

/** The cluster as this process knows it; the names are those of `/debug`. */
export interface Cluster {
  readonly config: Watcher<Config>;
  readonly container: Watcher<PlacedContainer>;
  readonly depends: Watcher<Depends>;
  readonly nodes: Watcher<Node>;
  readonly podgroup: Watcher<PodGroup>;
}

/** Follows a cluster in a store until the signal aborts. */
export function followCluster(store: Store, signal: AbortSignal): Cluster {
  const groups = follow(store, podgroup, signal);
  return {
    config: follow(store, config, signal),
    container: containers(groups),
    depends: follow(store, depends, signal),
    nodes: follow(store, nodes, signal),
    podgroup: groups,
  };
}
