import { Buffer } from "node:buffer";
import type { Head } from "./connection.ts";
import type {
  Batch,
  Entry,
  Inventory,
  KeyChange,
  Snapshot,
  WatchEvent,
} from "../store.ts";

/** A revision of more bytes is not replayed only to see whether etcd does. */
const CHEAP = 64 * 1024;

/** A change by which a history is told from another one. */
export interface Landmark extends KeyChange {
  readonly revision: number;
}

/** One prefix: what was delivered of it, and how much of that is proven to be all. */
export class EtcdWatch {
  #proven?: number;
  /** The revisions delivered after the proven one, and after the one proven before. */
  #unproven = new Set<number>();
  #provenLast = new Set<number>();
  #landmark?: Landmark;
  #history?: Head;
  /** Keys that changed since an inventory was begun. */
  #unsettled?: Set<string>;

  isUncompared = false;
  /** Whether there is a watch that delivers. */
  isLive = false;
  /** Whether etcd can replay the landmark's revision, and cheaply. */
  canReplay = false;
  /** The last revision that is not cheap to replay. */
  large = 0;
  /** Ends the present watch, or the reading of a snapshot. */
  stop?: () => void;
  /** Why etcd does not serve this prefix. */
  problem?: string;

  constructor(
    readonly prefix: string,
    private readonly controller: ReadableStreamDefaultController<WatchEvent>,
  ) {}

  /** All changes up to this revision were delivered; undefined: a snapshot is due. */
  get proven(): number | undefined {
    return this.#proven;
  }

  /** Up to which revision everything was delivered; undefined: a snapshot is due. */
  get complete(): number | undefined {
    return this.#proven === undefined ? undefined : this.revision;
  }

  /** A change of the last revision that was delivered, a put if there was one; undefined: there was nothing yet. */
  get landmark(): Landmark | undefined {
    return this.#landmark;
  }

  get isMarked(): boolean {
    return this.#landmark !== undefined;
  }

  /** The last revision that was delivered. */
  get revision(): number {
    return Math.max(this.#proven ?? 0, this.#landmark?.revision ?? 0);
  }

  /**
   * Whether what was delivered can belong to a history: that of a restored
   * backup has another id, or fewer revisions or elections, or other changes.
   *
   * @param delivered the last revision that was delivered when the head was asked for
   */
  isOf(head: Head, delivered = this.revision): boolean {
    return this.#history === undefined ||
      head.clusterId === this.#history.clusterId &&
        head.raftTerm >= this.#history.raftTerm && head.revision >= delivered;
  }

  /**
   * Delivers everything anew.
   *
   * @returns when the reader has taken all of it, or wants no more
   * @throws what a page failed with
   */
  reset(snapshot: Snapshot, history: Head): Promise<void> {
    const taken = Promise.withResolvers<void>();
    this.stop = taken.resolve;
    this.#unsettled = undefined;
    const pages = this.#pagesOf(snapshot, history, taken);
    const { clusterId: cluster } = history;
    this.controller.enqueue({ ...snapshot, cluster, pages });
    return taken.promise;
  }

  async *#pagesOf(
    { revision, pages }: Snapshot,
    history: Head,
    taken: PromiseWithResolvers<void>,
  ): AsyncGenerator<readonly Entry[]> {
    const newest = new Newest();
    try {
      for await (const page of pages) {
        newest.note(page);
        yield page;
      }
      this.#proven = revision;
      this.isUncompared = false;
      this.#unproven.clear();
      this.#provenLast.clear();
      this.large = 0;
      this.#mark(newest);
      this.#history = history;
    } catch (error) {
      taken.reject(error);
      throw error;
    } finally {
      taken.resolve();
    }
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
    const { revision } = batch;
    if (revision <= this.revision) {
      return this.#unproven.has(revision) || this.#provenLast.has(revision);
    }
    this.#unproven.add(revision);
    for (const { key } of batch.changes) this.#unsettled?.add(key);
    const newest = new Newest();
    newest.note(batch.changes.map((one) => ({ ...one, revision })));
    this.#mark(newest);
    this.controller.enqueue(batch);
    return true;
  }

  /** Whether a revision that wrote under the prefix was delivered. */
  knows(revision: number): boolean {
    return this.#unproven.has(revision) ||
      this.#proven !== undefined && revision <= this.#proven;
  }

  /** Notes that all changes up to a head of the history were delivered. */
  prove(head: Head): void {
    this.#history = head;
    this.#proven = head.revision;
    const isProven = (revision: number) => revision <= head.revision;
    this.#provenLast = new Set([...this.#unproven].filter(isProven));
    this.#unproven = this.#unproven.difference(this.#provenLast);
  }

  /** Notes the last revision that was delivered. */
  #mark({ change, bytes }: Newest): void {
    this.#landmark = change;
    if (bytes > CHEAP) this.large = this.revision;
    this.canReplay = change?.value !== undefined && bytes <= CHEAP;
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
    this.isUncompared = false;
    this.controller.enqueue({ type: "inventory", revision, keys, unsettled });
  }
}

/** The newest revision of some changes. */
class Newest {
  /** A change of it, a put if there is one. */
  change?: Landmark;
  /** How much it put. */
  bytes = 0;

  note(changes: readonly Landmark[]): void {
    let newest = this.change;
    for (const change of changes) {
      const newer = change.revision - (newest?.revision ?? 0);
      if (newer < 0) continue;
      if (newer > 0) this.bytes = 0;
      this.bytes += change.value?.length ?? 0;
      // A removal is gone as soon as its own revision is compacted, a put is not.
      if (newer > 0 || change.value !== undefined) newest = change;
    }
    if (newest === undefined || newest === this.change) return;
    // A copy, as the value is a part of all that etcd sent with it.
    const value = newest.value && new Uint8Array(newest.value);
    this.change = { key: newest.key, revision: newest.revision, value };
  }
}

/** Whether two changes put the same value to the same key, or delete it. */
export function isSameChange(a: KeyChange, b: KeyChange): boolean {
  if (a.key !== b.key) return false;
  return a.value === undefined || b.value === undefined
    ? a.value === b.value
    : Buffer.compare(a.value, b.value) === 0;
}
