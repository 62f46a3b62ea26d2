import type { Store } from "../store/store.ts";
import { type Config, config } from "./config.ts";
import { containers, type PlacedContainer } from "./container.ts";
import { type Depends, depends } from "./depends.ts";
import { Effects } from "./effects.ts";
import { EmptyStoreGuard } from "./empty_store_guard.ts";
import { followSubtree, type Subtree } from "./subtree.ts";
import { type Node, nodes } from "./nodes.ts";
import { type PodGroup, podgroup } from "./podgroup.ts";
import type { Watcher } from "./watcher.ts";

/** The node that lainlet runs on. */
export interface Host {
  /** Its address; "" when not known. */
  readonly ip: string;
  readonly hostname: string;
}

/**
 * The state of the cluster: a watcher for each kind of value, with its name in
 * `/debug`. A type, as the values of an interface are `any` to `Object.values`.
 */
export type Cluster = {
  readonly config: Watcher<Config>;
  readonly container: Watcher<PlacedContainer>;
  readonly depends: Watcher<Depends>;
  readonly nodes: Watcher<Node>;
  readonly podgroup: Watcher<PodGroup>;
};

/** Watches the cluster in a store until the signal aborts. */
export function followCluster(store: Store, signal: AbortSignal): Cluster {
  const emptyStoreGuard = new EmptyStoreGuard(4);
  const effects = new Effects();
  const watch = <T>(subtree: Subtree<T>) =>
    followSubtree(store, subtree, emptyStoreGuard, effects, signal);
  const groups = watch(podgroup);
  return {
    config: watch(config),
    container: containers(groups),
    depends: watch(depends),
    nodes: watch(nodes),
    podgroup: groups,
  };
}
