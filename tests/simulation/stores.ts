import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { Etcd2Store } from "../../lib/store/etcd2/store.ts";
import type { StoreOptions } from "../../lib/store/kind.ts";
import type { Store } from "../../lib/store/store.ts";
import { type Auth, LOGIN } from "./auth.ts";
import type { StoreName } from "./processes.ts";
import { fetchKeys, HISTORY } from "./etcd2.ts";
import { VERIFIED_WITHIN } from "./lainlet.ts";
import type { Keyspace, Member } from "./keyspace.ts";
import { type Link, placeOf } from "./network.ts";
import { ZooKeeperService } from "./zookeeper.ts";

export type Endpoints = readonly [string, ...string[]];

/** How the members of a cluster serve their clients: what differs from store to store. */
export interface Service {
  /** Whether several keys can be written in one revision. */
  readonly hasTransactions: boolean;
  /** Whether what is delivered is always the state of one revision. */
  readonly isWhole: boolean;
  /** How long a change that a watch has lost may be missing, in ms; absent: until the next check. */
  readonly lossLasts?: number;
  /** How long a process takes to start again, in ms; absent: no time. */
  readonly restartTime?: number;
  /** Where a lainlet finds a member. */
  endpoint(lainlet: string, member: string): string;
  /** Follows the cluster as lainlet does. */
  open(endpoints: Endpoints, options: StoreOptions): Store;
  /** Answers `fetch`, where that is how members are asked. */
  fetch?(url: URL, signal?: AbortSignal): Promise<Response>;
  /** The number by which clients know a revision. */
  numberOf(revision: number): number;
  /** Who leads, where that can be told from who believes to. */
  readonly leader?: Member;
  /** Elects another leader. */
  elect(): void;
  /** Forgets history. */
  forget(): void;
  /** To be called when a member has lost the others, is down, or is back. */
  changed?(member: Member): void;
  /** To be called when all processes start anew, with another state. */
  restarted?(): void;
  /** Whether clients know another history by a lower revision only. */
  readonly hasAnonymousHistories?: boolean;
  /** Whether a read that asks for the newest state may get an older one. */
  readonly mayBeOld?: boolean;
  /** Ends the sessions on a link, as when the leader has not heard of them. */
  expire?(link: Link): void;
  /** Ends what is under way. */
  close?(): void;
}

/** What is served. */
export interface Cluster {
  readonly keyspace: Keyspace;
  readonly members: readonly Member[];
  readonly auth: Auth;
  /** To be called when something was agreed on. */
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
  /** A poll that is lost is asked for at once, and of whoever answers. */
  readonly restartTime = 300;
  override readonly hasTransactions = false;

  override open(endpoints: Endpoints, options: StoreOptions): Store {
    return new Etcd2Store(endpoints, options);
  }

  fetch(url: URL, signal?: AbortSignal): Promise<Response> {
    return fetchKeys(placeOf(url.origin), url, signal);
  }

  /** As much is written elsewhere as is remembered. */
  override forget(): void {
    this.cluster.keyspace.pass(HISTORY + 1);
    this.cluster.advance();
  }
}

/** What serves a cluster as each kind of store does. */
export const SERVICES: Readonly<
  Record<StoreName, new (cluster: Cluster) => Service>
> = { etcd: EtcdService, etcd2: Etcd2Service, zookeeper: ZooKeeperService };
