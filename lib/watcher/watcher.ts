import { Effects, type Phase, Publisher } from "./effects.ts";
import type { Progress } from "./progress.ts";
import { SortedMap } from "./sorted_map.ts";

/** What became of one key: a removal has no value, a first put no previous one. */
export interface Change<T> {
  readonly key: string;
  readonly value?: T;
  readonly previous?: T;
}

/**
 * Called with what has changed.
 *
 * @param readAt when it was read from the store, see {@linkcode now}; undefined when it was not just written there
 */
export type ChangeListener<T> = (
  changes: readonly Change<T>[],
  readAt?: number,
) => void;

/** The last thing that happened to a watcher, as `/debug` shows it. */
export interface LastEvent {
  readonly Action: "init" | "update" | "delete" | "";
  readonly Key: string;
  readonly ModifiedIndex: number;
}

/** A value of the store that was not taken, by its key. */
export interface Rejection {
  readonly revision: number;
  readonly message: string;
}

/**
 * The current state of one kind of thing: parsed values by key, which are
 * replaced and never changed, and the changes as they happen.
 *
 * Listeners are called within {@linkcode apply}, in their phases: whoever
 * reads in a listener reads the state that the changes made, and nothing comes
 * between two listeners.
 */
export class Watcher<T> {
  readonly #values = new SortedMap<T>();
  readonly #subscribers: Publisher<Parameters<ChangeListener<T>>>;
  readonly #synced = Promise.withResolvers<void>();
  #isSynced = false;
  #version = 0;
  #changes = 0;

  /** Live streams that are fed from here. */
  receivers = 0;
  /** Values of the store that are not taken at the moment, by key. */
  readonly rejected = new Map<string, Rejection>();
  /** How many values were not taken since the start. */
  rejections = 0;
  /** How many keys were not as in the store when that was compared, since the start. */
  differences = 0;
  /** Why what was read last is not taken: the whole store is empty. Undefined: it is taken, or nothing was read. */
  heldBack?: string;
  lastEvent: LastEvent = { Action: "", Key: "", ModifiedIndex: 0 };
  updatedAt?: Date;

  /**
   * @param name how `/debug` calls it
   * @param age how long ago this was last known to be the store's state, in ms; Infinity: never
   * @param saved the file that this is from, until it is read from the store
   * @param progress up to which revision of the store this is
   * @param effects those of all watchers of the cluster
   */
  constructor(
    readonly name: string,
    readonly age: () => number,
    readonly saved: () => string | undefined = () => undefined,
    readonly progress?: Progress,
    effects = new Effects(),
  ) {
    this.#subscribers = new Publisher(name, effects);
  }

  /** Those of the changes: whatever is derived of the values publishes there, too. */
  get effects(): Effects {
    return this.#subscribers.effects;
  }

  /**
   * Resolves when there is a state: a saved one, or with a first complete read
   * that counts, which it does not while the whole store is empty.
   */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Everything up to this revision of the store is here; 0: not known. */
  get revision(): number {
    return this.progress?.revision ?? 0;
  }

  /** Another one after every change. */
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
    return this.#subscribers.subscribe(phase, listener);
  }

  /**
   * Puts (value) or removes (undefined) keys in one step, and calls all listeners.
   *
   * @param readAt as {@linkcode ChangeListener}'s
   */
  apply(
    changes: Iterable<readonly [key: string, value: T | undefined]>,
    readAt?: number,
  ): void {
    const made: Change<T>[] = [];
    // A key that comes twice counts as it is at the end.
    for (const [key, value] of new Map(changes)) {
      const previous = value === undefined
        ? this.#values.delete(key)
        : this.#values.set(key, value);
      if (value === undefined && previous === undefined) continue;
      made.push({ key, value, previous });
    }
    if (made.length === 0) return;
    this.#version++;
    this.#changes += made.length;
    this.#subscribers.publish(made, readAt);
  }

  /** Notes that there is a state. */
  sync(): void {
    this.#isSynced = true;
    this.#synced.resolve();
  }

  /** Notes the last event for `/debug`. */
  recordEvent(
    Action: LastEvent["Action"],
    Key: string,
    ModifiedIndex: number,
  ): void {
    this.lastEvent = { Action, Key, ModifiedIndex };
    this.updatedAt = new Date();
  }
}
