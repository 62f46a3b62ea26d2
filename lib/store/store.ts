/** A key with its value, as a store holds it. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision that last wrote the key. */
  readonly revision: number;
}

/** The change of one key. A put has a value, a removal has none. */
export interface KeyChange {
  readonly key: string;
  readonly value?: Uint8Array;
}

/** The file of a saved state, which may be out of date. */
export interface SavedFile {
  readonly file: string;
  /** When the state was last known to be everything that the store holds, in ms since 1970. */
  readonly at: number;
}

/** Entries of a snapshot in key order, some at a time. Can be read once. */
export type Pages =
  | Iterable<readonly Entry[]>
  | AsyncIterable<readonly Entry[]>;

/** Everything under a prefix at one revision. */
export interface Snapshot {
  readonly type: "snapshot";
  /** The cluster's id; absent: it has none. */
  readonly cluster?: string;
  /** No entry is of a later revision. */
  readonly revision: number;
  /** Up to this revision nothing is missing; absent: up to `revision`. */
  readonly completeRevision?: number;
  /**
   * The number of the store's history; absent: 0, the first one. A store that
   * was restored from a backup, or replaced by another one, has the next
   * history: its revisions cannot be compared with those before.
   */
  readonly history?: number;
  /**
   * The entries. A page may be read from the store when it is asked for, and
   * that may fail: then the snapshot does not count, and another one follows.
   */
  readonly pages: Pages;
  /**
   * Keys that may not be read, nor what is beneath them: no entry is of these,
   * and a reader keeps what it holds there. Another snapshot follows when all
   * may be read. Absent: none.
   */
  readonly refused?: readonly string[];
  /** Where the snapshot was saved; absent: it is from the store. */
  readonly saved?: SavedFile;
}

/**
 * All changes under a prefix by one revision, or by several in a row where the
 * store has no history.
 */
export interface Batch {
  readonly type: "batch";
  /** Nothing that was delivered is of a later revision. */
  readonly revision: number;
  /** May be empty: then only the revision is new. */
  readonly changes: readonly KeyChange[];
  /** Up to this revision nothing is missing; absent: up to `revision`. */
  readonly completeRevision?: number;
}

/**
 * Every key under a prefix, as the store holds them at one revision. Everything
 * up to that revision was delivered. When a reader holds something else, a change
 * was missed: the reader opens another watch, which starts with a snapshot.
 */
export interface Inventory {
  readonly type: "inventory";
  readonly revision: number;
  /** The revision that last wrote each key. */
  readonly keys: ReadonlyMap<string, number>;
  /** Keys that may have changed after the revision: not to be compared. */
  readonly unsettled: ReadonlySet<string>;
}

/**
 * Everything up to a revision was delivered; possibly nothing was written under
 * the prefix. Revisions are ascending within one history.
 */
export interface ProgressNotification {
  readonly type: "progress";
  readonly revision: number;
}

/** What a watch delivers. */
export type WatchEvent = Snapshot | Batch | Inventory | ProgressNotification;

/** Status of a store, for `/readyz` and `/debug`. */
export interface StoreStatus {
  /** Where the state comes from: an endpoint, `memory`, or "" without a connection. */
  readonly source: string;
  /** The newest revision that was delivered. */
  readonly revision: number;
  /** How often a connection was replaced by another one. */
  readonly reconnects: number;
  /** How often a watch missed a change, which was then read again. */
  readonly missed: number;
  /** Current problems, one line each. */
  readonly problems: readonly string[];
}

/**
 * Where the cluster's state comes from.
 *
 * Stores differ in what they can do, and readers allow for all of this:
 * - Without transactions (etcd's v2 key space) each change has a revision of
 *   its own, and a reader sees the states between the changes of one step.
 * - Without history (ZooKeeper) a batch may hold several revisions in a row. A
 *   value that was overwritten before it was read is not delivered, and while
 *   much is written a transaction may be in two batches. In the end a reader
 *   holds the same.
 * - A store that is polled does not see a put of an equal value.
 * - Values may have to be text, and not empty.
 * - Keys may form a tree of directories, in which `a` and `a/b` are not both keys.
 */
export interface Store {
  /**
   * Watches a prefix. Delivers a snapshot, and then a batch for each revision
   * that changed something under the prefix: in order, none missing, none
   * twice. A put of the value that the key already has is a change, too. When
   * history is gone, another snapshot follows, and the reader works out the
   * difference. Inventories and progress notifications may come between
   * batches, and a saved snapshot before the first one.
   *
   * The stream does not fail while the store cannot be reached: the store
   * retries, reports that in its status, and resumes after the last revision
   * it delivered. It ends when the signal aborts or the reader cancels.
   */
  watch(prefix: string, signal: AbortSignal): ReadableStream<WatchEvent>;

  /**
   * Returns how long ago what was delivered of a prefix was last known to be
   * everything that the store holds, in ms; Infinity: never. Does not count
   * for a saved snapshot, which has its own time.
   *
   * @param history number of the store's history, see {@linkcode Snapshot}; default: the newest
   */
  age(prefix: string, history?: number): number;

  /**
   * Checks now that everything that the store holds under a prefix was
   * delivered. Callers that wait at the same time share a check. Waits until
   * that is confirmed or until `signal` aborts.
   *
   * @returns a revision that is not older than the call; progress up to it was delivered
   * @throws the signal's reason
   */
  checkFreshness(prefix: string, signal: AbortSignal): Promise<number>;

  readonly status: StoreStatus;
}

/** Tracks whether the newest of a store's histories has ever held a key. */
export class ContentTracker {
  #history = 0;
  #hasContent = false;

  get history(): number {
    return this.#history;
  }

  get hasContent(): boolean {
    return this.#hasContent;
  }

  /**
   * Records what was read.
   *
   * @param history number of the history, see {@linkcode Snapshot}
   * @returns whether that history is newer than all before
   */
  observe(history: number, hasKey: boolean): boolean {
    const isNewer = history > this.#history;
    if (isNewer) {
      this.#history = history;
      this.#hasContent = false;
    }
    if (history === this.#history) this.#hasContent ||= hasKey;
    return isNewer;
  }
}
