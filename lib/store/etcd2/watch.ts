import { backoff, sleep } from "../../time.ts";
import type { ResponseHeader } from "../connection.ts";
import type { KeyChange } from "../store.ts";
import { PrefixWatch, type WatchRun } from "../watch.ts";
import type { Etcd2Connection, Listing } from "./connection.ts";
import { checksum, type Event, type KeyVersion } from "./messages.ts";
import type { Poll } from "./request.ts";

/** The last known change of a prefix, which identifies the history. */
export interface Checkpoint {
  readonly key: string;
  readonly revision: number;
  /** Checksum of the value; absent: the key was removed. */
  readonly checksum?: number;
}

const encoder = new TextEncoder();

/**
 * A watched prefix of etcd's v2 key space. An event is the response to one
 * poll, and the next poll asks for what happened after it.
 */
export class Etcd2Watch extends PrefixWatch<Etcd2Connection> {
  /** What the reader holds: a removed directory is one event, without its keys. */
  readonly #known = new Map<string, KeyVersion>();
  #completeRevision?: number;
  #nextIndex = 0;
  /** Events up to this index should have come before {@linkcode renewPoll}. */
  #overdueIndex = 0;
  #revision = 0;
  #checkpoint?: Checkpoint;

  /** The poll in progress. */
  poll?: Poll;

  override get completeRevision(): number | undefined {
    return this.#completeRevision;
  }

  /**
   * The index that the next poll starts at. It lags behind what is confirmed
   * by one check: a check rests on a poll that sent nothing for a while, and
   * the next one asks again for what that poll may have missed.
   */
  get nextIndex(): number {
    return this.#nextIndex;
  }

  /** The last delivered change; undefined: nothing was delivered. */
  get checkpoint(): Checkpoint | undefined {
    return this.#checkpoint;
  }

  override get hasCheckpoint(): boolean {
    return this.#checkpoint !== undefined;
  }

  override get revision(): number {
    return Math.max(this.#completeRevision ?? 0, this.#revision);
  }

  /** Delivers events until the connection or the watch ends. */
  override async run(
    connection: Etcd2Connection,
    run: WatchRun,
  ): Promise<void> {
    this.resume();
    for (let idlePolls = 0; run.isCurrent();) {
      const isDelivered = await this.#pollOnce(connection, run);
      // A server may end each poll as soon as it is made: not too often.
      idlePolls = isDelivered ? 0 : idlePolls + 1;
      if (idlePolls > 1) await sleep(backoff(idlePolls), connection.signal);
    }
  }

  /**
   * Delivers a snapshot if one is needed, then waits for the next event and
   * delivers that.
   *
   * @returns false when the poll ended without an event
   */
  async #pollOnce(
    connection: Etcd2Connection,
    run: WatchRun,
  ): Promise<boolean> {
    if (this.#completeRevision === undefined) {
      const at = performance.now();
      const listing = await connection.list(this.prefix);
      if (!run.isCurrent()) return false;
      this.deliverSnapshot(listing, run.history);
      run.confirm(at);
    }
    const poll = await connection.poll(this.prefix, this.#nextIndex);
    if (poll === "cleared") {
      this.isLive = false;
      this.forget();
      return false;
    }
    if (!run.isCurrent()) {
      poll.stop();
      return false;
    }
    this.poll = poll;
    this.isLive = true;
    run.report(undefined);
    run.ready();
    const event = await poll.event;
    if (!run.isCurrent()) return false;
    const isRenewed = this.poll !== poll;
    this.poll = undefined;
    if (event === undefined || isRenewed) return isRenewed;
    if (!this.deliver(event)) run.countMissed(event.node.index);
    return true;
  }

  override stop(): void {
    this.poll?.stop();
  }

  /** Starts on another connection. What the previous one did not send does not count as missed. */
  resume(): void {
    this.#overdueIndex = 0;
    this.poll = undefined;
  }

  /** Delivers a snapshot. @param history see {@linkcode Snapshot} */
  deliverSnapshot({ header, entries }: Listing, history: number): void {
    this.#known.clear();
    this.#checkpoint = undefined;
    for (const { key, value, revision } of entries) {
      const known = { revision, checksum: checksum(value) };
      this.#known.set(key, known);
      if (revision > (this.#checkpoint?.revision ?? 0)) {
        this.#checkpoint = { key, ...known };
      }
    }
    const { revision, clusterId } = header;
    this.#completeRevision = this.#revision = revision;
    this.#nextIndex = revision + 1;
    this.#overdueIndex = 0;
    this.header = header;
    this.dropInventory();
    this.controller.enqueue({
      type: "snapshot",
      cluster: clusterId || undefined,
      revision,
      history,
      pages: [entries.toSorted((a, b) => a.key < b.key ? -1 : 1)],
    });
  }

  /**
   * Delivers what an event changed.
   *
   * @returns false when it should have come earlier
   * @throws {Error} when it is not newer than the last one
   */
  deliver(event: Event): boolean {
    const { index } = event.node;
    if (index <= this.#revision) {
      throw new Error("etcd's response is an event that was not asked for");
    }
    const isInTime =
      index > Math.max(this.#completeRevision ?? 0, this.#overdueIndex);
    this.#nextIndex = index + 1;
    this.#completeRevision = index;
    // Events after an overdue one do not count as missed again.
    this.#overdueIndex = 0;
    const changes = this.#changesOf(event);
    const last = changes.at(-1);
    if (last === undefined) return true;
    for (const { key, value } of changes) {
      this.noteChanged(key);
      if (value === undefined) this.#known.delete(key);
      else {
        this.#known.set(key, { revision: index, checksum: checksum(value) });
      }
    }
    this.#revision = index;
    this.#checkpoint = {
      key: event.node.key,
      revision: index,
      checksum: last.value && checksum(last.value),
    };
    this.controller.enqueue({ type: "batch", revision: index, changes });
    return isInTime;
  }

  #changesOf({ isRemoval, node }: Event): KeyChange[] {
    const { key, isDirectory, value } = node;
    if (isDirectory && isRemoval) {
      const directory = key.endsWith("/") ? key : `${key}/`;
      return [...this.#known.keys()]
        .filter((known) => known.startsWith(directory))
        .map((known) => ({ key: known }));
    }
    // A directory may have replaced a key.
    if (isRemoval || isDirectory) return this.#known.has(key) ? [{ key }] : [];
    return this.#isListed(key) ? [{ key, value: encoder.encode(value) }] : [];
  }

  /** Whether a list of the prefix has a key: lists hide names that begin with `_`. */
  #isListed(key: string): boolean {
    return key.startsWith(this.prefix) &&
      !key.slice(this.prefix.length - 1).includes("/_");
  }

  /** Ends the poll, as events up to an index should have come: the next one asks for them. */
  renewPoll(index: number): void {
    this.#overdueIndex = index;
    this.poll?.stop();
    this.poll = undefined;
  }

  /** Records that all changes up to a header's revision were delivered. */
  confirm(header: ResponseHeader): void {
    // The response for a missing key has no raft headers.
    this.header = { ...this.header, ...header };
    const complete = this.#completeRevision;
    if (complete === undefined || header.revision <= complete) return;
    this.#nextIndex = Math.max(this.#nextIndex, complete + 1);
    this.#completeRevision = header.revision;
  }

  override forget(): void {
    this.#completeRevision = undefined;
  }

  /**
   * Returns the revision that each key of a list counts as written by. A
   * refreshed TTL gives a key another index and makes no event: a key with the
   * value that was delivered counts as written by what delivered it.
   */
  revisionsOf(
    versions: ReadonlyMap<string, KeyVersion>,
  ): ReadonlyMap<string, number> {
    const keys = new Map<string, number>();
    for (const [key, { revision, checksum }] of versions) {
      const known = this.#known.get(key);
      const isKnown = known?.checksum === checksum;
      keys.set(key, isKnown ? known.revision : revision);
    }
    return keys;
  }
}
