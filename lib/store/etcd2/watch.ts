import type { Listing, Sums } from "./connection.ts";
import { type Event, type Head, type Sum, sumOf } from "./messages.ts";
import type { Poll } from "./request.ts";
import type { KeyChange, WatchEvent } from "../store.ts";

/** A change by which a history is told from another one. */
export interface Landmark {
  readonly key: string;
  readonly revision: number;
  /** Of the value; absent when the key was removed. */
  readonly sum?: number;
}

const encoder = new TextEncoder();

/** One prefix: what was delivered of it, and how much of that is proven to be all. */
export class Etcd2Watch {
  /** What the reader holds: a directory that is gone is one event, without its keys. */
  readonly #known = new Map<string, Sum>();
  #complete?: number;
  #next = 0;
  #expected = 0;
  #revision = 0;
  #landmark?: Landmark;
  #history?: Head;
  /** Keys that changed since an inventory was begun. */
  #unsettled?: Set<string>;

  /** Whether it is followed. */
  isLive = false;
  /** The request that waits. */
  poll?: Poll;
  /** Why etcd does not serve this prefix. */
  problem?: string;

  constructor(
    readonly prefix: string,
    private readonly controller: ReadableStreamDefaultController<WatchEvent>,
  ) {}

  /** Everything up to this index was delivered; undefined: a snapshot is due. */
  get complete(): number | undefined {
    return this.#complete;
  }

  /**
   * The index from which on the next poll asks. It lags behind what is
   * proven by one proof: that rests on a poll that said nothing for a while,
   * and what that one may have kept to itself is asked for again.
   */
  get next(): number {
    return this.#next;
  }

  /** The last change that was delivered; undefined: there was nothing yet. */
  get landmark(): Landmark | undefined {
    return this.#landmark;
  }

  get isMarked(): boolean {
    return this.#landmark !== undefined;
  }

  /** The last revision that was delivered, or that is known to have brought nothing. */
  get revision(): number {
    return Math.max(this.#complete ?? 0, this.#revision);
  }

  /**
   * Whether what was delivered can belong to a history: that of a restored
   * backup has another id, or counted less.
   *
   * @param delivered the {@linkcode revision} when the head was asked for
   */
  isOf(head: Head, delivered = this.revision): boolean {
    const last = this.#history;
    return last === undefined ||
      head.clusterId === last.clusterId && head.index >= delivered &&
        !isLess(head.raftTerm, last.raftTerm) &&
        !isLess(head.raftIndex, last.raftIndex);
  }

  /** Delivers everything anew. @param history see {@linkcode Snapshot} */
  reset({ head, entries }: Listing, history: number): void {
    this.#known.clear();
    this.#landmark = undefined;
    for (const { key, value, revision } of entries) {
      const known = { revision, sum: sumOf(value) };
      this.#known.set(key, known);
      if (revision > (this.#landmark?.revision ?? 0)) {
        this.#landmark = { key, ...known };
      }
    }
    this.#complete = this.#revision = head.index;
    this.#next = head.index + 1;
    this.#expected = 0;
    this.#history = head;
    this.#unsettled = undefined;
    this.controller.enqueue({
      type: "snapshot",
      cluster: head.clusterId || undefined,
      revision: head.index,
      history,
      pages: [entries.toSorted((a, b) => a.key < b.key ? -1 : 1)],
    });
  }

  /** What was delivered is not to be trusted. */
  forget(): void {
    this.#complete = undefined;
  }

  /**
   * Delivers what an event changed.
   *
   * @returns false when it should have come earlier
   * @throws {Error} when it is not later than the last one
   */
  take(event: Event): boolean {
    const { index } = event.node;
    if (index <= this.#revision) {
      throw new Error("etcd's answer is an event that was not asked for");
    }
    const isInTime = index > Math.max(this.#complete ?? 0, this.#expected);
    this.#next = index + 1;
    this.#complete = index;
    // What follows one that was late is no other loss.
    this.#expected = 0;
    const changes = this.#changesOf(event);
    const last = changes.at(-1);
    if (last === undefined) return true;
    for (const { key, value } of changes) {
      this.#unsettled?.add(key);
      if (value === undefined) this.#known.delete(key);
      else this.#known.set(key, { revision: index, sum: sumOf(value) });
    }
    this.#revision = index;
    this.#landmark = {
      key: event.node.key,
      revision: index,
      sum: last.value && sumOf(last.value),
    };
    this.controller.enqueue({ type: "batch", revision: index, changes });
    return isInTime;
  }

  /** Ends the poll that waits, as what happened up to an index should have come. */
  renew(index: number): void {
    this.#expected = index;
    this.poll?.stop();
    this.poll = undefined;
  }

  /** Another connection follows: what the one before it kept to itself is not lost. */
  resume(): void {
    this.#expected = 0;
    this.poll = undefined;
  }

  /** Notes that all changes up to a head of the history were delivered. */
  prove(head: Head): void {
    const { raftTerm, raftIndex } = this.#history ?? {};
    this.#history = { raftTerm, raftIndex, ...head };
    if (this.#complete === undefined || head.index <= this.#complete) return;
    this.#next = Math.max(this.#next, this.#complete + 1);
    this.#complete = head.index;
  }

  /** To be called before an inventory is read; see {@linkcode deliver}. */
  beginInventory(): void {
    this.#unsettled = new Set();
  }

  /**
   * Delivers an inventory, unless a snapshot came after its beginning. A
   * refresh of a key's TTL gives it another index and makes no event: where
   * the value is the same, the key counts as written when it was delivered.
   */
  deliver({ head, sums }: Sums): void {
    const unsettled = this.#unsettled;
    this.#unsettled = undefined;
    if (unsettled === undefined) return;
    const keys = new Map<string, number>();
    for (const [key, { revision, sum }] of sums) {
      const known = this.#known.get(key);
      keys.set(key, known?.sum === sum ? known.revision : revision);
    }
    this.controller.enqueue({
      type: "inventory",
      revision: head.index,
      keys,
      unsettled,
    });
  }

  #changesOf({ isRemoval, node }: Event): KeyChange[] {
    const { key, isDirectory, value } = node;
    if (isDirectory && isRemoval) {
      const folder = key.endsWith("/") ? key : `${key}/`;
      return [...this.#known.keys()]
        .filter((known) => known.startsWith(folder))
        .map((known) => ({ key: known }));
    }
    // A directory may have taken a key's place.
    if (isRemoval || isDirectory) return this.#known.has(key) ? [{ key }] : [];
    return this.#isHere(key) ? [{ key, value: encoder.encode(value) }] : [];
  }

  /** Whether a list of the prefix names a key: it hides names that begin with `_`. */
  #isHere(key: string): boolean {
    return key.startsWith(this.prefix) &&
      !key.slice(this.prefix.length - 1).includes("/_");
  }
}

function isLess(number = Infinity, last = -Infinity): boolean {
  return number < last;
}
