import type { Connection, ResponseHeader } from "./connection.ts";
import type { Inventory, WatchEvent } from "./store.ts";

/** Every key under a prefix, with the revision that last wrote it. */
export type KeyRevisions = Pick<Inventory, "revision" | "keys">;

/** What a watch needs to know, and reports, while it runs on a connection. */
export interface WatchRun {
  /**
   * The header that the connection was opened with; absent when the prefix has
   * to be read again, or its reader came later.
   */
  readonly header?: ResponseHeader;
  /** The number of the store's history, see {@linkcode Snapshot}. */
  readonly history: number;
  /** Whether the connection is open and the watch still has a reader. */
  isCurrent(): boolean;
  /** To be called when changes are delivered from now on, or cannot be. */
  ready(): void;
  /** Records that everything was delivered. @param at as `performance.now()` */
  confirm(at: number): void;
  /** Records why the store does not serve the prefix; undefined: it does. */
  report(problem: string | undefined): void;
  /** Counts and logs a change that should have been delivered before. */
  countMissed(revision: number): void;
  /** Ends the connection. */
  fail(error: unknown): void;
}

/** A watch did not deliver a change, or delivered it out of order. */
export class MissedChange extends Error {
  override readonly name = "MissedChange";

  constructor(readonly watch: PrefixWatch, readonly revision: number) {
    super(`the watch of ${watch.prefix} missed revision ${revision}`);
  }
}

/**
 * A watched prefix of a store over a network: delivers its changes to the
 * reader, on one connection after the other, and records up to which revision
 * all of them were delivered.
 */
export abstract class PrefixWatch<C extends Connection = Connection> {
  /** Whether changes are delivered as they happen. */
  isLive = false;
  /** Why the store does not serve this prefix, or not all of it. */
  problem?: string;
  /** Whether a check could not compare what was delivered: an inventory has to. */
  isUncompared = false;
  /** The last header up to which everything was delivered. */
  protected header?: ResponseHeader;
  /** Keys that changed since an inventory was begun. */
  #unsettled?: Set<string>;
  /** The last revision that a progress notification had. */
  #reported = 0;

  constructor(
    readonly prefix: string,
    protected readonly controller: ReadableStreamDefaultController<WatchEvent>,
  ) {}

  /** The last revision that was delivered, or that is known to have changed nothing. */
  abstract get revision(): number;

  /** Everything up to this revision was delivered; undefined: a snapshot is needed. */
  abstract get completeRevision(): number | undefined;

  /** Whether there is a last known event, which identifies the history. */
  abstract get hasCheckpoint(): boolean;

  /**
   * Delivers changes on a connection. Returns when the prefix has to be read
   * again, or at the end of the connection or the watch.
   *
   * @throws {AccessDenied} when this login may not read the prefix
   * @throws {Error} when the connection is of no use
   */
  abstract run(connection: C, run: WatchRun): Promise<void>;

  /** Stops what is in progress, as the reader has left. */
  abstract stop(): void;

  /** Makes the next run deliver a snapshot. */
  abstract forget(): void;

  /** Another history of the store begins: its revisions may be lower. */
  startHistory(): void {
    this.#reported = 0;
    this.forget();
  }

  /**
   * Whether what was delivered can belong to the history of a header. A restored
   * backup has another cluster id, or counted fewer revisions or elections.
   *
   * @param delivered {@linkcode revision} when the header was asked for
   */
  isSameHistory(header: ResponseHeader, delivered = this.revision): boolean {
    const known = this.header;
    return known === undefined ||
      header.clusterId === known.clusterId && header.revision >= delivered &&
        !isLess(header.raftTerm, known.raftTerm) &&
        !isLess(header.raftIndex, known.raftIndex);
  }

  /**
   * Delivers a progress notification, unless the last one had the same
   * revision.
   *
   * @returns up to which revision everything was delivered
   */
  reportProgress(): number | undefined {
    const { completeRevision: revision } = this;
    if (revision !== undefined && revision !== this.#reported) {
      this.#reported = revision;
      this.controller.enqueue({ type: "progress", revision });
    }
    return revision;
  }

  /** To be called before an inventory is read, see {@linkcode deliverInventory}. */
  beginInventory(): void {
    this.#unsettled = new Set();
  }

  /** Delivers an inventory, unless a snapshot was delivered since its beginning. */
  deliverInventory({ revision, keys }: KeyRevisions): void {
    const unsettled = this.#unsettled;
    this.#unsettled = undefined;
    if (unsettled === undefined) return;
    this.isUncompared = false;
    this.controller.enqueue({ type: "inventory", revision, keys, unsettled });
  }

  /** Records that a key may have changed since an inventory was begun. */
  protected noteChanged(key: string): void {
    this.#unsettled?.add(key);
  }

  /** To be called with each snapshot: an inventory that was begun before does not count. */
  protected dropInventory(): void {
    this.#unsettled = undefined;
  }
}

function isLess(number = Infinity, known = -Infinity): boolean {
  return number < known;
}
