import type { Head } from "./etcd_connection.ts";
import type { Batch, Inventory, Item, Snapshot } from "./store.ts";

/** A put that etcd still holds. */
export interface LatestPut {
  readonly key: string;
  readonly revision: number;
}

/** One prefix: what was delivered of it, and how much of that is proven to be all. */
export class EtcdWatch {
  #proven?: number;
  /** The revisions delivered after the proven one. */
  readonly #unproven = new Set<number>();
  #written = 0;
  #marker = Infinity;
  #latest?: LatestPut;
  #history?: Head;
  /** Keys that changed since an inventory was begun. */
  #unsettled?: Set<string>;

  /** Whether there is a watch that delivers. */
  isLive = false;
  /** Ends the present watch. */
  stop?: () => void;
  /** Why etcd does not serve this prefix. */
  problem?: string;

  constructor(
    readonly prefix: string,
    private readonly controller: ReadableStreamDefaultController<Item>,
  ) {}

  /** All changes up to this revision were delivered; undefined: a snapshot is due. */
  get proven(): number | undefined {
    return this.#proven;
  }

  /** A revision that etcd must replay to a watch that starts there; Infinity: none is known. */
  get marker(): number {
    return this.#marker;
  }

  /** The latest put that was delivered, unless its key was deleted since. */
  get latest(): LatestPut | undefined {
    return this.#latest;
  }

  /** The last revision that was delivered. */
  get revision(): number {
    return Math.max(this.#proven ?? 0, this.#written);
  }

  /**
   * Whether what was delivered can belong to a history: that of a restored
   * backup has another id, or fewer revisions or elections, or other puts.
   *
   * @param delivered the last revision that was delivered when the head was asked for
   */
  isOf(head: Head, delivered = this.revision): boolean {
    return this.#history === undefined ||
      head.clusterId === this.#history.clusterId &&
        head.raftTerm >= this.#history.raftTerm && head.revision >= delivered;
  }

  /** Delivers everything anew. */
  reset(snapshot: Snapshot, history: Head): void {
    this.#proven = snapshot.revision;
    this.#unproven.clear();
    this.#latest = undefined;
    for (const { key, revision } of snapshot.entries) {
      if (revision > (this.#latest?.revision ?? 0)) {
        this.#latest = { key, revision };
      }
    }
    this.#written = this.#latest?.revision ?? 0;
    this.#marker = this.#latest?.revision ?? Infinity;
    this.#history = history;
    this.#unsettled = undefined;
    this.controller.enqueue(snapshot);
  }

  /** The marker is compacted away. */
  unmark(): void {
    this.#marker = Infinity;
  }

  /** What was delivered is not to be trusted. */
  forget(): void {
    this.#proven = undefined;
  }

  /**
   * Delivers a batch, unless that was done before.
   *
   * @returns false when it should have come before another one
   */
  take(batch: Batch): boolean {
    if (batch.revision <= this.revision) return this.knows(batch.revision);
    this.#written = this.#marker = batch.revision;
    this.#unproven.add(batch.revision);
    for (const { key, value } of batch.changes) {
      this.#unsettled?.add(key);
      if (value !== undefined) this.#latest = { key, revision: batch.revision };
      else if (key === this.#latest?.key) this.#latest = undefined;
    }
    this.controller.enqueue(batch);
    return true;
  }

  /** Whether a revision that wrote under the prefix was delivered. */
  knows(revision: number): boolean {
    return this.#unproven.has(revision) ||
      this.#proven !== undefined && revision <= this.#proven;
  }

  /** Notes that all changes up to a revision were delivered. */
  prove(revision: number): void {
    this.#proven = revision;
    for (const other of this.#unproven) {
      if (other <= revision) this.#unproven.delete(other);
    }
  }

  /** To be called before an inventory is read; see {@linkcode deliver}. */
  beginInventory(): void {
    this.#unsettled = new Set();
  }

  /** Delivers an inventory, unless a snapshot came after its beginning. */
  deliver({ revision, keys }: Pick<Inventory, "revision" | "keys">): void {
    const unsettled = this.#unsettled;
    this.#unsettled = undefined;
    if (unsettled === undefined) return;
    this.controller.enqueue({ type: "inventory", revision, keys, unsettled });
  }
}
