import type { Cluster } from "../watcher/cluster.ts";
import type { Config } from "../watcher/config.ts";
import type { Depends } from "../watcher/depends.ts";
import type { Node } from "../watcher/nodes.ts";
import type { PodGroup } from "../watcher/podgroup.ts";
import { CombinedProgress } from "../watcher/progress.ts";
import type { Watcher } from "../watcher/watcher.ts";
import {
  encodeGroup,
  encodePortals,
  groupJson,
  portalsJson,
} from "./values.ts";

/** The values of one watcher in the overview; its members are named `<kind>/<key>`. */
export interface OverviewKind<T extends object> {
  readonly name: "config" | "depends" | "group" | "node";
  watcher(cluster: Cluster): Watcher<T>;
  /** A value as JSON text. */
  encode(value: T): string;
  /**
   * The value of that text, where it can be had without parsing. Members that
   * are undefined count as missing; numbers are as in the store.
   */
  json?(value: T): unknown;
  /** The app that a value belongs to; "" when it belongs to none. */
  app?(key: string, value: T): string;
}

export const CONFIG: OverviewKind<Config> = {
  name: "config",
  watcher: (cluster) => cluster.config,
  encode: ({ value }) => JSON.stringify(value),
};

export const DEPENDS: OverviewKind<Depends> = {
  name: "depends",
  watcher: (cluster) => cluster.depends,
  encode: encodePortals,
  json: portalsJson,
  app: (_key, { service }) => service,
};

export const GROUP: OverviewKind<PodGroup> = {
  name: "group",
  watcher: (cluster) => cluster.podgroup,
  encode: encodeGroup,
  json: groupJson,
  app: (key) => key.slice(0, key.indexOf("/")),
};

export const NODE: OverviewKind<Node> = {
  name: "node",
  watcher: (cluster) => cluster.nodes,
  encode: ({ json }) => json,
};

/** The watchers of all kinds, combined: as fresh as the least fresh one. */
export function allSubtrees(
  cluster: Cluster,
): Pick<Watcher<unknown>, "age" | "isSynced" | "progress" | "saved"> {
  const all = [CONFIG, DEPENDS, GROUP, NODE]
    .map(({ watcher }) => watcher(cluster));
  return {
    age: () => Math.max(...all.map((one) => one.age())),
    saved: () => all.map((one) => one.saved()).find((file) => file),
    isSynced: all.every((one) => one.isSynced),
    progress: new CombinedProgress(
      all.map(({ progress }) => progress).filter((one) => one !== undefined),
    ),
  };
}
