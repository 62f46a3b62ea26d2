/** A key with its value, as a store holds them. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision that last wrote the key. */
  readonly revision: number;
}

/** One key's change: a put has a value, a delete has none. */
export interface KeyChange {
  readonly key: string;
  readonly value?: Uint8Array;
}

/** Where a state was kept that may be the store's no more. */
export interface SavedFile {
  readonly file: string;
  /** When it was last known to be all that the store holds, in ms since 1970. */
  readonly at: number;
}

/** Entries of a snapshot, some at a time, in key order, to be read once. */
export type Pages =
  | Iterable<readonly Entry[]>
  | AsyncIterable<readonly Entry[]>;

/** Everything under a prefix at one revision. */
export interface Snapshot {
  readonly type: "snapshot";
  /** The id of the cluster that it is of; absent: that has none. */
  readonly cluster?: string;
  /** Nothing in it is of a later one. */
  readonly revision: number;
  /** Up to which revision nothing is missing, where that is not the snapshot's own. */
  readonly completeRevision?: number;
  /**
   * Which of the store's histories it is of. That of a store that was restored
   * from a backup, or replaced by another one, has the next number: its
   * revisions have nothing to do with those before. Absent: the first, 0.
   */
  readonly history?: number;
  /**
   * Its entries. A page may come from the store when it is asked for, and that
   * may fail: then this was no snapshot, and there will be another one.
   */
  readonly pages: Pages;
  /** That this does not come from the store, but is what was last known of it. */
  readonly saved?: SavedFile;
}

/** All changes under a prefix that one revision made or, without history, some in a row. */
export interface Batch {
  readonly type: "batch";
  /** Nothing that was delivered is of a later one. */
  readonly revision: number;
  /** None: only the revision tells something. */
  readonly changes: readonly KeyChange[];
  /** Up to which revision nothing is still to come, where that is not the batch's own. */
  readonly completeRevision?: number;
}

/**
 * A check of what was delivered: every key under the prefix, as the store
 * holds it at one revision. Nothing that was written up to then is still to
 * come. A reader that holds something else has lost a change, or the store
 * has: it opens a new watch, which starts with a snapshot.
 */
export interface Inventory {
  readonly type: "inventory";
  readonly revision: number;
  /** The revision that last wrote each key. */
  readonly keys: ReadonlyMap<string, number>;
  /** Keys that may have changed after the revision: they tell nothing. */
  readonly unsettled: ReadonlySet<string>;
}

/**
 * That everything under the prefix up to a revision was delivered: nothing may
 * have been written there. It is less than one before in another history only.
 */
export interface ProgressNotification {
  readonly type: "progress";
  readonly revision: number;
}

/** What a watch delivers. */
export type WatchEvent = Snapshot | Batch | Inventory | ProgressNotification;

/** How a store is doing, for `/readyz` and `/debug`. */
export interface StoreStatus {
  /** Where the state comes from at the moment: an endpoint, `memory`, or "" when there is no connection. */
  readonly source: string;
  /** The newest revision that was delivered. */
  readonly revision: number;
  /** How often a connection was replaced by another. */
  readonly reconnects: number;
  /** How often a watch proved to have missed a change, which was mended. */
  readonly missed: number;
  /** What is wrong, a line each; empty when nothing is. */
  readonly problems: readonly string[];
}

/**
 * Where the cluster's state comes from.
 *
 * A store may have no transactions (etcd's v2 key space): then each change is
 * a revision of its own, and what somebody meant to be one step is heard in
 * several, with a state between them that nobody meant. It may have no
 * history (ZooKeeper): then it says what has changed, and not how. Revisions
 * in a row are one batch of what they made, what one wrote and the next wrote
 * over is not heard, and while much is written, a transaction may come in
 * two; in the end a reader holds the same. It may hold text only, or no empty
 * values, and it may be a tree, in which no key is the beginning of another
 * one, up to a slash.
 */
export interface Store {
  /**
   * The content under a prefix and everything that happens to it: first a
   * snapshot; then a batch for each revision that touched the prefix, in
   * order, none missing, none twice. When history is gone another snapshot
   * follows instead, and the reader works out the difference. A store may put
   * inventories and progress between the batches, and what was saved before
   * the first snapshot.
   *
   * The stream does not fail while the store is out of reach: the store
   * retries, says so in its status, and resumes after the last revision it
   * delivered. It ends when the signal aborts or the reader cancels.
   */
  watch(prefix: string, signal: AbortSignal): ReadableStream<WatchEvent>;

  /**
   * How long ago, in ms, what the store delivered of a prefix was last known
   * to be all that it holds; Infinity: never. What was saved tells that itself.
   *
   * @param history in which of the store's histories, see {@linkcode Snapshot}; default: the newest
   */
  age(prefix: string, history?: number): number;

  /**
   * Asks the store now whether what was delivered of a prefix is all that it
   * holds. Those who wait at a time share one proof. It takes as long as it
   * takes: the signal ends the wait.
   *
   * @returns a revision not older than the call: what the prefix held then is
   * there for the reader, and progress up to it
   * @throws the signal's reason
   */
  checkFreshness(prefix: string, signal: AbortSignal): Promise<number>;

  readonly status: StoreStatus;
}
/** Whether there was a key in the newest of a store's histories, see {@linkcode Snapshot}. */
export class ContentTracker {
  #history = 0;
  #isFound = false;

  get history(): number {
    return this.#history;
  }

  get hasContent(): boolean {
    return this.#isFound;
  }

  /**
   * Notes what was read of a history.
   *
   * @returns whether that is a newer one, of which nothing was noted before
   */
  observe(history: number, hasKey: boolean): boolean {
    const isNewer = history > this.#history;
    if (isNewer) {
      this.#history = history;
      this.#isFound = false;
    }
    if (history === this.#history) this.#isFound ||= hasKey;
    return isNewer;
  }
}
