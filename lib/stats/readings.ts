import type { Store } from "../store/store.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import type { Counters } from "./counters.ts";
import type { Listening } from "./listening.ts";

/** What the figures of a lainlet are read from. */
export interface Readings {
  readonly cluster: Cluster;
  readonly counters: Counters;
  readonly host: Host;
  readonly limits: {
    /** Live streams. */
    readonly listeners: number;
    /** The same, by their places. */
    readonly open: ReadonlyMap<number, Listening>;
    /** Live streams of each endpoint that ever had one, by path. */
    readonly perEndpoint: ReadonlyMap<string, number>;
    /** Streams that were one too many. */
    readonly refused: number;
    /** The same by the flag that limits them. */
    readonly refusals: ReadonlyMap<string, number>;
  };
  /** The age from which on the state counts as stale, in ms. */
  readonly staleAfter: number;
  readonly store: Pick<Store, "status">;
  readonly version: string;
  readonly views: {
    /** States that someone follows. */
    readonly topics: number;
  };
}
