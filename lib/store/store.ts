/** A key with its value, as a store holds them. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision that last wrote the key. */
  readonly revision: number;
}

/** One key's change: a put has a value, a delete has none. */
export interface Change {
  readonly key: string;
  readonly value?: Uint8Array;
}

/** Everything under a prefix at one revision, in key order. */
export interface Snapshot {
  readonly type: "snapshot";
  readonly revision: number;
  readonly entries: readonly Entry[];
}

/** All changes under a prefix that one revision made. */
export interface Batch {
  readonly type: "batch";
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** How a store is doing, for `/readyz` and `/debug`. */
export interface StoreStatus {
  /** Where the state comes from at the moment: an endpoint, `memory`, or "" when there is no connection. */
  readonly source: string;
  /** When the store was last heard from, in ms since the epoch; 0: never. */
  readonly heardAt: number;
  /** The newest revision that was delivered. */
  readonly revision: number;
  /** What is wrong, a line each; empty when nothing is. */
  readonly problems: readonly string[];
}

/** Where the cluster's state comes from. */
export interface Store {
  /**
   * The content under a prefix and everything that happens to it: first a
   * snapshot; then a batch for each revision that touched the prefix, in
   * order, none missing, none twice. When history is gone another snapshot
   * follows instead, and the reader works out the difference.
   *
   * The stream does not fail while the store is out of reach: the store
   * retries, says so in its status, and resumes after the last revision it
   * delivered. It ends when the signal aborts or the reader cancels.
   */
  watch(prefix: string, signal: AbortSignal): ReadableStream<Snapshot | Batch>;

  readonly status: StoreStatus;
}
