import { Buffer } from "node:buffer";
import { abortable } from "../../abort.ts";
import type { ResponseHeader } from "../connection.ts";
import type { Batch, Entry, KeyChange, Snapshot } from "../store.ts";
import { MissedChange, PrefixWatch, type WatchRun } from "../watch.ts";
import type { EtcdConnection } from "./connection.ts";
import { rangeOf } from "./range.ts";

/** A revision that put more bytes than this is not replayed for a check only. */
const MAX_REPLAYED_BYTES = 64 * 1024;

/** The last known change of a prefix, which identifies the history. */
export interface Checkpoint extends KeyChange {
  readonly revision: number;
}

/** A watched prefix of etcd. */
export class EtcdWatch extends PrefixWatch<EtcdConnection> {
  #confirmedRevision?: number;
  /** Delivered revisions after the confirmed one, and after the one confirmed before. */
  #unconfirmed = new Set<number>();
  #lastConfirmed = new Set<number>();
  #checkpoint?: Checkpoint;
  /** Ends the present watch, or the reading of a snapshot. */
  #stop?: () => void;

  /** Whether etcd can replay the checkpoint's revision, and cheaply. */
  canReplay = false;
  /** The last revision that is too large to be replayed for a check. */
  largeRevision = 0;

  /** All changes up to this revision were delivered; undefined: a snapshot is needed. */
  get confirmedRevision(): number | undefined {
    return this.#confirmedRevision;
  }

  override get completeRevision(): number | undefined {
    return this.#confirmedRevision === undefined ? undefined : this.revision;
  }

  override get revision(): number {
    return Math.max(
      this.#confirmedRevision ?? 0,
      this.#checkpoint?.revision ?? 0,
    );
  }

  /** A change of the last delivered revision, a put if it has one; undefined: nothing was delivered. */
  get checkpoint(): Checkpoint | undefined {
    return this.#checkpoint;
  }

  override get hasCheckpoint(): boolean {
    return this.#checkpoint !== undefined;
  }

  /** Delivers a snapshot if one is needed, then each revision that etcd's watch sends. */
  override async run(connection: EtcdConnection, run: WatchRun): Promise<void> {
    const { prefix } = this;
    if (run.header === undefined || this.#confirmedRevision === undefined) {
      const at = performance.now();
      const header = run.header ?? await connection.currentRevision(prefix);
      const snapshot = await connection.read(prefix);
      if (!run.isCurrent()) return;
      await this.deliverSnapshot({ ...snapshot, history: run.history }, header);
      if (!run.isCurrent()) return;
      run.confirm(at);
    }
    run.report(undefined);
    this.isLive = true;
    const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
    // etcd may end the watch before this is awaited.
    ended.catch(() => {});
    const stop = await connection.watch(
      rangeOf(prefix),
      (this.#confirmedRevision ?? 0) + 1,
      {
        batch: (batch) => {
          if (!run.isCurrent() || this.deliver(batch)) return;
          run.fail(new MissedChange(this, batch.revision));
        },
        ended: (reason) => {
          this.isLive = false;
          if (reason === "compacted") resolve();
          else reject(reason);
        },
      },
    );
    if (!run.isCurrent()) return stop();
    this.#stop = () => {
      stop();
      resolve();
    };
    run.ready();
    await abortable(ended, connection.signal);
  }

  override stop(): void {
    this.#stop?.();
  }

  /**
   * Delivers a snapshot, page by page.
   *
   * @param header of a response from before it was read
   * @returns when the reader has taken all of it, or has left
   * @throws what reading a page failed with
   */
  deliverSnapshot(snapshot: Snapshot, header: ResponseHeader): Promise<void> {
    const taken = Promise.withResolvers<void>();
    this.#stop = taken.resolve;
    this.dropInventory();
    const pages = this.#pagesOf(snapshot, header, taken);
    const { clusterId: cluster } = header;
    this.controller.enqueue({ ...snapshot, cluster, pages });
    return taken.promise;
  }

  async *#pagesOf(
    { revision, pages }: Snapshot,
    header: ResponseHeader,
    taken: PromiseWithResolvers<void>,
  ): AsyncGenerator<readonly Entry[]> {
    const newest = new NewestRevision();
    try {
      for await (const page of pages) {
        newest.add(page);
        yield page;
      }
      this.#confirmedRevision = revision;
      this.isUncompared = false;
      this.#unconfirmed.clear();
      this.#lastConfirmed.clear();
      this.largeRevision = 0;
      this.#setCheckpoint(newest);
      this.header = header;
    } catch (error) {
      taken.reject(error);
      throw error;
    } finally {
      taken.resolve();
    }
  }

  /**
   * Delivers a batch, unless it was delivered before.
   *
   * @returns false when it should have come before another one
   */
  deliver(batch: Batch): boolean {
    const { revision } = batch;
    if (revision <= this.revision) {
      return this.#unconfirmed.has(revision) ||
        this.#lastConfirmed.has(revision);
    }
    this.#unconfirmed.add(revision);
    for (const { key } of batch.changes) this.noteChanged(key);
    const newest = new NewestRevision();
    newest.add(batch.changes.map((change) => ({ ...change, revision })));
    this.#setCheckpoint(newest);
    this.controller.enqueue(batch);
    return true;
  }

  /** Whether a revision that wrote under the prefix was delivered. */
  hasDelivered(revision: number): boolean {
    return this.#unconfirmed.has(revision) ||
      this.#confirmedRevision !== undefined &&
        revision <= this.#confirmedRevision;
  }

  /** Records that all changes up to a header's revision were delivered. */
  confirm(header: ResponseHeader): void {
    this.header = header;
    this.#confirmedRevision = header.revision;
    const isConfirmed = (revision: number) => revision <= header.revision;
    this.#lastConfirmed = new Set([...this.#unconfirmed].filter(isConfirmed));
    this.#unconfirmed = this.#unconfirmed.difference(this.#lastConfirmed);
  }

  override forget(): void {
    this.#confirmedRevision = undefined;
  }

  #setCheckpoint({ change, bytes }: NewestRevision): void {
    this.#checkpoint = change;
    if (bytes > MAX_REPLAYED_BYTES) this.largeRevision = this.revision;
    this.canReplay = change?.value !== undefined && bytes <= MAX_REPLAYED_BYTES;
  }
}

/** The newest revision among some changes. */
class NewestRevision {
  /** One of its changes, a put if it has one. */
  change?: Checkpoint;
  /** How many bytes of values it put. */
  bytes = 0;

  add(changes: readonly Checkpoint[]): void {
    let newest = this.change;
    for (const change of changes) {
      const difference = change.revision - (newest?.revision ?? 0);
      if (difference < 0) continue;
      if (difference > 0) this.bytes = 0;
      this.bytes += change.value?.length ?? 0;
      // When history is compacted up to this revision, etcd still replays a put,
      // but not a removal.
      if (difference > 0 || change.value !== undefined) newest = change;
    }
    if (newest === undefined || newest === this.change) return;
    // A copy: the value shares memory with all that etcd sent with it.
    const value = newest.value && new Uint8Array(newest.value);
    this.change = { key: newest.key, revision: newest.revision, value };
  }
}

/** Whether two changes put the same value to the same key, or both remove it. */
export function isSameChange(a: KeyChange, b: KeyChange): boolean {
  if (a.key !== b.key) return false;
  return a.value === undefined || b.value === undefined
    ? a.value === b.value
    : Buffer.compare(a.value, b.value) === 0;
}
