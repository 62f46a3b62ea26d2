import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { Etcd2Store } from "../../lib/store/etcd2/store.ts";
import type { StoreOptions } from "../../lib/store/kind.ts";
import type { Store } from "../../lib/store/store.ts";
import { type Auth, LOGIN } from "./auth.ts";
import { fetchKeys, HISTORY } from "./etcd2.ts";
import type { Features } from "./features.ts";
import type { Keyspace } from "./keyspace.ts";
import { VERIFIED_WITHIN } from "./lainlet.ts";
import type { Member } from "./member.ts";
import { type Link, routeTo } from "./network.ts";
import type { StoreName } from "./processes.ts";
import { ZooKeeperService } from "./zookeeper.ts";

export type Endpoints = readonly [string, ...string[]];

/** How the members of a cluster serve their clients. */
export interface Service {
  /** Whether several keys can be written in one revision. */
  readonly hasTransactions: boolean;
  /** Whether each delivered state is of one revision. */
  readonly hasAtomicStates: boolean;
  /** How long a change that a watch lost may be missing, in ms; absent: until the next check succeeds. */
  readonly maxLossTime?: number;
  /** How long a member takes to restart, in ms; absent: no time. */
  readonly restartTime?: number;
  /** The endpoint of a member, for one lainlet: each has its own links. */
  endpoint(lainlet: string, member: string): string;
  /** Opens the store, as lainlet does. */
  open(endpoints: Endpoints, options: StoreOptions): Store;
  /** Serves `fetch`, if clients use it. */
  fetch?(url: URL, signal?: AbortSignal): Promise<Response>;
  /** A revision as clients see it. */
  clientRevision(revision: number): number;
  /** The leader, on a store where a deposed leader may not notice at once. */
  readonly leader?: Member;
  /** Elects another leader. */
  elect(): void;
  /** Compacts the history. */
  compact(): void;
  /** To be called when a member is cut off or down, or no longer is. */
  memberChanged?(member: Member): void;
  /** To be called when all members restart with another state. */
  allRestarted?(): void;
  /** Whether clients recognize another history by a lower revision only. */
  readonly lacksHistoryIds?: boolean;
  /** Whether a linearizable read may return an older state at present. */
  readonly readsMayBeStale?: boolean;
  /** Expires the sessions on a link. */
  expire?(link: Link): void;
  /** Ends pending work. */
  close?(): void;
}

/** The cluster that a service serves. */
export interface Cluster {
  readonly keyspace: Keyspace;
  readonly members: readonly Member[];
  readonly auth: Auth;
  readonly features: Features;
  /** To be called after each commit. */
  advance(): void;
}

/** An etcd cluster, with its v3 API. */
class EtcdService implements Service {
  readonly hasTransactions: boolean = true;
  readonly hasAtomicStates = true;

  constructor(protected readonly cluster: Cluster) {}

  endpoint(lainlet: string, member: string): string {
    return `http://${lainlet}.${member}:2379`;
  }

  open(endpoints: Endpoints, options: StoreOptions): Store {
    const auth = this.cluster.auth.isUsed ? LOGIN : undefined;
    return new EtcdStore(endpoints, { ...options, auth });
  }

  clientRevision(revision: number): number {
    return revision;
  }

  elect(): void {
    this.cluster.keyspace.term++;
  }

  compact(): void {
    const { keyspace } = this.cluster;
    keyspace.compact(keyspace.revision);
    this.cluster.advance();
  }
}

/** An etcd cluster, with its v2 API. */
class Etcd2Service extends EtcdService {
  readonly maxLossTime = VERIFIED_WITHIN;
  /** Not 0: clients repeat a lost poll at once, at any member that responds. */
  readonly restartTime = 300;
  override readonly hasTransactions = false;

  override open(endpoints: Endpoints, options: StoreOptions): Store {
    return new Etcd2Store(endpoints, options);
  }

  fetch(url: URL, signal?: AbortSignal): Promise<Response> {
    return fetchKeys(routeTo(url.origin), url, signal);
  }

  /** Adds as many events as the history holds, and one more. */
  override compact(): void {
    this.cluster.keyspace.addEmptyRevisions(HISTORY + 1);
    this.cluster.advance();
  }
}

/** The service of each store. */
export const SERVICES: Readonly<
  Record<StoreName, new (cluster: Cluster) => Service>
> = { etcd: EtcdService, etcd2: Etcd2Service, zookeeper: ZooKeeperService };
