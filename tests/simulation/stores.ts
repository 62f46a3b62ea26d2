import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { Etcd2Store } from "../../lib/store/etcd2/store.ts";
import type { StoreOptions } from "../../lib/store/kind.ts";
import type { Store } from "../../lib/store/store.ts";
import { type Auth, LOGIN } from "./auth.ts";
import type { Features } from "./features.ts";
import type { StoreName } from "./processes.ts";
import { fetchKeys, HISTORY } from "./etcd2.ts";
import { VERIFIED_WITHIN } from "./lainlet.ts";
import type { Keyspace, Member } from "./keyspace.ts";
import { type Link, placeOf } from "./network.ts";
import { ZooKeeperService } from "./zookeeper.ts";

export type Endpoints = readonly [string, ...string[]];

/** What differs from store to store in how members serve their clients. */
export interface Service {
  /** Whether several keys can be written in one revision. */
  readonly hasTransactions: boolean;
  /** Whether each delivered state is of one revision. */
  readonly isWhole: boolean;
  /** How long a change that a watch lost may be missing, in ms; absent: until the next check. */
  readonly lossLasts?: number;
  /** How long a process takes to restart, in ms; absent: no time. */
  readonly restartTime?: number;
  /** The endpoint at which a lainlet reaches a member. */
  endpoint(lainlet: string, member: string): string;
  /** Opens lainlet's store for the cluster. */
  open(endpoints: Endpoints, options: StoreOptions): Store;
  /** Serves `fetch`, if clients use it. */
  fetch?(url: URL, signal?: AbortSignal): Promise<Response>;
  /** A revision as clients see it. */
  numberOf(revision: number): number;
  /** The leader, on a store where a deposed one may still believe to lead. */
  readonly leader?: Member;
  /** Elects another leader. */
  elect(): void;
  /** Compacts the history. */
  forget(): void;
  /** To be called when a member is cut off, is down, or is back. */
  changed?(member: Member): void;
  /** To be called when all processes restart with another state. */
  restarted?(): void;
  /** Whether only a lower revision tells clients that the history is another one. */
  readonly hasAnonymousHistories?: boolean;
  /** Whether a linearizable read may return an older state at present. */
  readonly mayBeOld?: boolean;
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

/** An etcd, with its v3 API. */
class EtcdService implements Service {
  readonly hasTransactions: boolean = true;
  readonly isWhole = true;

  constructor(protected readonly cluster: Cluster) {}

  endpoint(lainlet: string, member: string): string {
    return `http://${lainlet}.${member}:2379`;
  }

  open(endpoints: Endpoints, options: StoreOptions): Store {
    const auth = this.cluster.auth.isUsed ? LOGIN : undefined;
    return new EtcdStore(endpoints, { ...options, auth });
  }

  numberOf(revision: number): number {
    return revision;
  }

  elect(): void {
    this.cluster.keyspace.term++;
  }

  forget(): void {
    const { keyspace } = this.cluster;
    keyspace.compact(keyspace.revision);
    this.cluster.advance();
  }
}

/** An etcd, with its v2 API. */
class Etcd2Service extends EtcdService {
  readonly lossLasts = VERIFIED_WITHIN;
  /** A lost poll is repeated at once, at any member that responds. */
  readonly restartTime = 300;
  override readonly hasTransactions = false;

  override open(endpoints: Endpoints, options: StoreOptions): Store {
    return new Etcd2Store(endpoints, options);
  }

  fetch(url: URL, signal?: AbortSignal): Promise<Response> {
    return fetchKeys(placeOf(url.origin), url, signal);
  }

  /** Adds as many events as the history holds, and one more. */
  override forget(): void {
    this.cluster.keyspace.pass(HISTORY + 1);
    this.cluster.advance();
  }
}

/** The service of each store. */
export const SERVICES: Readonly<
  Record<StoreName, new (cluster: Cluster) => Service>
> = { etcd: EtcdService, etcd2: Etcd2Service, zookeeper: ZooKeeperService };
