import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { Etcd2Store } from "../../lib/store/etcd2/store.ts";
import type { Store } from "../../lib/store/store.ts";
import { ZooKeeperStore } from "../../lib/store/zookeeper/store.ts";
import { TestEtcd } from "./etcd.ts";
import type { TestStore } from "./store.ts";
import { TestZooKeeper } from "./zookeeper.ts";

/** A kind of store with a server. */
interface Kind {
  /** The flag that says where it is. */
  readonly flag: string;
  /** Whether a key may have an empty value. */
  readonly hasEmpty: boolean;
  /** Starts the members of one cluster. */
  start(size: number): Promise<readonly TestStore[]>;
  /** Follows one of them, in this process. */
  open(endpoint: string): Store;
}

/** What `--store` calls them. */
export const KIND_NAMES = ["etcd", "etcd2", "zookeeper"] as const;

export type KindName = typeof KIND_NAMES[number];

/** The stores with servers. */
export const KINDS: Readonly<Record<KindName, Kind>> = {
  etcd: {
    flag: "--etcd",
    hasEmpty: true,
    start: (size) => TestEtcd.startCluster(size),
    open: (endpoint) => new EtcdStore([endpoint]),
  },
  etcd2: {
    flag: "--etcd",
    hasEmpty: true,
    start: (size) => TestEtcd.startCluster(size, { store: "etcd2" }),
    open: (endpoint) => new Etcd2Store([endpoint]),
  },
  zookeeper: {
    flag: "--zookeeper",
    hasEmpty: false,
    start: (size) => TestZooKeeper.startCluster(size),
    open: (endpoint) => new ZooKeeperStore([endpoint]),
  },
};

/** Starts a single server. */
export async function startStore(name: KindName): Promise<TestStore> {
  const [server] = await KINDS[name].start(1);
  if (server === undefined) throw new Error("no member");
  return server;
}
