import { Effects, type Phase, Publisher } from "./effects.ts";
import type { Progress } from "./progress.ts";
import { SortedMap } from "./sorted_map.ts";

/** The change of one entry. A removal has no value, an addition no previous value. */
export interface Change<T> {
  readonly key: string;
  readonly value?: T;
  readonly previous?: T;
}

/**
 * Called after entries have changed.
 *
 * @param readAt when the change was read from the store, see {@linkcode now}; undefined when it was not just written there
 * @param earliest where the changes were found by comparing two states: when the older one was last known to be current, in ms since 1970
 */
export type ChangeListener<T> = (
  changes: readonly Change<T>[],
  readAt?: number,
  earliest?: number,
) => void;

/** The last event of a watcher, as `/debug` shows it. */
export interface LastEvent {
  readonly Action: "init" | "update" | "delete" | "";
  readonly Key: string;
  readonly ModifiedIndex: number;
}

/** An invalid value in the store, which is ignored. */
export interface Rejection {
  readonly revision: number;
  readonly message: string;
  /** Since when its key has an invalid value, in ms since 1970. */
  readonly time: number;
  /** It was invalid when lainlet read the whole subtree: it may have been so before. */
  readonly isAtLeast: boolean;
}

/**
 * Holds the present entries of one kind: immutable parsed values by key.
 *
 * Subscribers are called synchronously by {@linkcode apply}, in their phases.
 * They see the state after the change, and all see the same one.
 */
export class Watcher<T> {
  readonly #values = new SortedMap<T>();
  readonly #publisher: Publisher<Parameters<ChangeListener<T>>>;
  readonly #synced = Promise.withResolvers<void>();
  readonly #read = Promise.withResolvers<void>();
  #isSynced = false;
  #version = 0;
  #changes = 0;

  /** How many live streams are made from this watcher. */
  receivers = 0;
  /** Invalid values that the store holds at present, by key. */
  readonly rejected = new Map<string, Rejection>();
  /** How many invalid values were read since the start. */
  rejections = 0;
  /** How many keys differed from the store when they were compared, since the start. */
  differences = 0;
  /** Why the last snapshot is held back: the whole store is empty. Undefined: it is not, or nothing was read. */
  heldBack?: string;
  lastEvent: LastEvent = { Action: "", Key: "", ModifiedIndex: 0 };
  updatedAt?: Date;

  /**
   * @param name its name in `/debug`
   * @param age how long ago the state was last confirmed to be the store's, in ms; Infinity: never
   * @param saved the file that the state was loaded from; undefined once it was read from the store
   * @param progress which revisions of the store the state contains
   * @param effects shared by all watchers of the cluster
   */
  constructor(
    readonly name: string,
    readonly age: () => number,
    readonly saved: () => string | undefined = () => undefined,
    readonly progress?: Progress,
    effects = new Effects(),
  ) {
    this.#publisher = new Publisher(name, effects);
  }

  /** The effects of changes. What is derived of the values publishes its changes there, too. */
  get effects(): Effects {
    return this.#publisher.effects;
  }

  /**
   * Resolves when there is a state: a saved one, or the first complete read
   * that is not held back.
   */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** As {@linkcode synced}, but a saved state does not count. */
  get read(): Promise<void> {
    return this.#read.promise;
  }

  /** The state contains everything up to this revision of the store; 0: not known. */
  get revision(): number {
    return this.progress?.revision ?? 0;
  }

  /** Differs after every change. */
  get version(): number {
    return this.#version;
  }

  /** How many entries were written or removed since the start. */
  get changes(): number {
    return this.#changes;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string): T | undefined {
    return this.#values.get(key);
  }

  /** The entries whose key starts with the prefix, in key order. */
  *entries(prefix: string): Generator<[key: string, value: T]> {
    for (const entry of this.#values.from(prefix)) {
      if (!entry[0].startsWith(prefix)) return;
      yield entry;
    }
  }

  /** @returns ends the subscription */
  subscribe(phase: Phase, listener: ChangeListener<T>): () => void {
    return this.#publisher.subscribe(phase, listener);
  }

  /**
   * Puts (value) or removes (undefined) keys in one step, and calls all subscribers.
   *
   * @param readAt as {@linkcode ChangeListener}'s
   * @param earliest as {@linkcode ChangeListener}'s
   */
  apply(
    changes: Iterable<readonly [key: string, value: T | undefined]>,
    readAt?: number,
    earliest?: number,
  ): void {
    const applied: Change<T>[] = [];
    // Of a repeated key, the last value counts.
    for (const [key, value] of new Map(changes)) {
      const previous = value === undefined
        ? this.#values.delete(key)
        : this.#values.set(key, value);
      if (value === undefined && previous === undefined) continue;
      applied.push({ key, value, previous });
    }
    if (applied.length === 0) return;
    this.#version++;
    this.#changes += applied.length;
    this.#publisher.publish(applied, readAt, earliest);
  }

  /** Marks the state as complete. */
  sync(): void {
    this.#isSynced = true;
    this.#synced.resolve();
    if (this.saved() === undefined) this.#read.resolve();
  }

  /** Records the last event for `/debug`. */
  recordEvent(
    Action: LastEvent["Action"],
    Key: string,
    ModifiedIndex: number,
  ): void {
    this.lastEvent = { Action, Key, ModifiedIndex };
    this.updatedAt = new Date();
  }
}
