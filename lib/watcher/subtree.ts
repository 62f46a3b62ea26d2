import { getLogger } from "@logtape/logtape";
import { errorTrace } from "../log.ts";
import type {
  Batch,
  Inventory,
  KeyChange,
  Snapshot,
  Store,
  WatchEvent,
} from "../store/store.ts";
import { now } from "../time.ts";
import type { Effects } from "./effects.ts";
import type { EmptyStoreGuard } from "./empty_store_guard.ts";
import { InvalidValue } from "./fields.ts";
import { SubtreeProgress } from "./progress.ts";
import { type Rejection, Watcher } from "./watcher.ts";

const log = getLogger(["lainlet", "watcher"]);

/** A subtree of the store, and how its values are parsed. */
export interface Subtree<T> {
  readonly name: string;
  readonly prefix: string;
  /**
   * Parses a value.
   *
   * @param key the key without the prefix
   * @throws {InvalidValue | SyntaxError | RangeError} when the value does not have the expected form
   */
  parse(key: string, text: string): T;
}

/** An invalid value: why it cannot be parsed. */
class Rejected {
  constructor(readonly message: string) {}
}

/** A parsed value, and the revision that wrote it. */
interface ParsedEntry<T> {
  readonly revision: number;
  readonly value: T | Rejected;
}

/**
 * Watches a subtree of a store until the signal aborts. An invalid value is logged
 * once per revision and counted; its key keeps its last valid value. When the
 * watcher differs from an inventory of the store, the difference is logged and
 * counted, and the subtree is read again.
 */
export function followSubtree<T>(
  store: Store,
  subtree: Subtree<T>,
  emptyStoreGuard: EmptyStoreGuard,
  effects: Effects,
  signal: AbortSignal,
): Watcher<T> {
  const follower = new SubtreeFollower(
    store,
    subtree,
    emptyStoreGuard,
    effects,
  );
  follower.run(signal).catch((error) =>
    log.fatal("a watcher stopped", {
      watcher: subtree.name,
      error: errorTrace(error),
    })
  );
  return follower.watcher;
}

/** Applies the events of a store's watch to a watcher. */
class SubtreeFollower<T> {
  readonly watcher: Watcher<T>;
  readonly #store: Store;
  readonly #subtree: Subtree<T>;
  readonly #emptyStoreGuard: EmptyStoreGuard;
  readonly #progress: SubtreeProgress;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** The saved state that the watcher holds, unconfirmed since a time as of `performance.now()`. */
  #saved?: { readonly file: string; readonly since: number };
  /** The store's history that the watcher's state is of; undefined: of none. */
  #heldHistory?: number;
  /** The store's history that was read last. */
  #history = 0;
  /** Everything up to this revision of {@linkcode #history} was read, held back or not. */
  #complete = 0;
  /** The revision that last wrote each key, also those with an invalid value. */
  readonly #written = new Map<string, number>();

  constructor(
    store: Store,
    subtree: Subtree<T>,
    emptyStoreGuard: EmptyStoreGuard,
    effects: Effects,
  ) {
    this.#store = store;
    this.#subtree = subtree;
    this.#emptyStoreGuard = emptyStoreGuard;
    this.#progress = new SubtreeProgress((signal) =>
      store.checkFreshness(subtree.prefix, signal)
    );
    this.watcher = new Watcher<T>(
      subtree.name,
      () => this.#age(),
      () => this.#saved?.file,
      this.#progress,
      effects,
    );
  }

  /** Watches the store until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let next = "restart"; next === "restart";) {
      const reader = this.#store.watch(this.#subtree.prefix, signal)
        .getReader();
      do next = await this.#readNext(reader); while (next === "continue");
    }
  }

  /** Separate function: a snapshot is large, and must not be retained while waiting for the next event. */
  async #readNext(
    reader: ReadableStreamDefaultReader<WatchEvent>,
  ): Promise<"continue" | "restart" | "end"> {
    const { done, value } = await reader.read();
    if (done) return "end";
    if (await this.#apply(value)) return "continue";
    await reader.cancel();
    return "restart";
  }

  /** @returns whether the watcher agrees with the store */
  async #apply(event: WatchEvent): Promise<boolean> {
    log.debug("the store sent an event", {
      watcher: this.#subtree.name,
      type: event.type,
      revision: event.revision,
    });
    if (event.type === "snapshot") await this.#applySnapshot(event);
    else if (event.type === "batch") this.#applyBatch(event);
    else if (event.type === "progress") this.#applyProgress(event.revision);
    else return this.#verify(event);
    return true;
  }

  #age(): number {
    if (this.#saved) return performance.now() - this.#saved.since;
    if (this.#heldHistory === undefined) return Infinity;
    return this.#store.age(this.#subtree.prefix, this.#heldHistory);
  }

  /** When the watcher's state was last known to be the store's, in ms since 1970; undefined: never. */
  #lastConfirmed(): number | undefined {
    const age = this.#age();
    return Number.isFinite(age) ? Date.now() - age : undefined;
  }

  async #applySnapshot(snapshot: Snapshot): Promise<void> {
    // Taken before the pages are read, which may confirm the new state.
    const earliest = this.#lastConfirmed();
    const entries = new Map<string, ParsedEntry<T>>();
    try {
      for await (const page of snapshot.pages) {
        for (const { key: fullKey, value, revision } of page) {
          const key = this.#keyOf(fullKey);
          entries.set(key, { revision, value: this.#parse(key, value) });
        }
      }
    } catch (error) {
      return log.debug("a snapshot was incomplete", {
        watcher: this.#subtree.name,
        error: String(error),
      });
    }
    if (snapshot.saved) return this.#accept(snapshot, entries, earliest);
    this.#history = snapshot.history ?? 0;
    this.#complete = snapshot.completeRevision ?? snapshot.revision;
    this.#acceptUnlessEmpty(snapshot, entries, earliest);
  }

  /** Applies all entries, or holds them back while the whole store is empty. */
  #acceptUnlessEmpty(
    snapshot: Snapshot,
    entries: ReadonlyMap<string, ParsedEntry<T>>,
    earliest: number | undefined,
  ): void {
    const { name } = this.#subtree;
    const accept = () => this.#accept(snapshot, entries, earliest);
    const hasKey = entries.size > 0;
    if (this.#emptyStoreGuard.offer(name, this.#history, accept, hasKey)) {
      return;
    }
    this.watcher.heldBack = this.#emptyStoreGuard.problem;
    if (hasKey) this.#emptyStoreGuard.noteKey(this.#history);
    // Still held back: the watcher's state is of a history that has ended.
    if (this.watcher.heldBack !== undefined) {
      this.#progress.startHistory(this.#progress.history, 0);
    }
  }

  /** Replaces the watcher's state by a snapshot. @param earliest as {@linkcode ChangeListener}'s */
  #accept(
    { revision, saved, refused = [] }: Snapshot,
    entries: ReadonlyMap<string, ParsedEntry<T>>,
    earliest: number | undefined,
  ): void {
    const { watcher } = this;
    this.#saved = saved && {
      file: saved.file,
      // When the clock was set back, the time is in the future.
      since: performance.now() - Math.max(0, Date.now() - saved.at),
    };
    watcher.heldBack = undefined;
    const changes = new Map<string, T | undefined>();
    const keys = refused.map((key) => this.#keyOf(key));
    const isRefused = (held: string) =>
      keys.some((key) => held === key || held.startsWith(`${key}/`));
    for (const [key] of watcher.entries("")) {
      if (!isRefused(key)) changes.set(key, undefined);
    }
    for (const key of this.#written.keys()) {
      if (!isRefused(key)) this.#written.delete(key);
    }
    for (const [key, entry] of entries) {
      changes.set(key, this.#valueOf(key, entry, false) ?? watcher.get(key));
    }
    for (const key of watcher.rejected.keys()) {
      if (!this.#written.has(key)) watcher.rejected.delete(key);
    }
    watcher.recordEvent("init", "", revision);
    const newest = Math.max(this.#complete, revision);
    // A saved state need not be one that the store ever had.
    if (saved) this.#progress.startHistory(this.#history, 0);
    else if (this.#heldHistory === this.#history) {
      this.#progress.advance(this.#complete, newest, this.#progress.revision);
    } else this.#progress.startHistory(this.#history, this.#complete, newest);
    this.#heldHistory = saved ? undefined : this.#history;
    watcher.apply(changes, undefined, earliest);
    watcher.sync();
  }

  #applyBatch({ revision, changes: batch, completeRevision }: Batch): void {
    const readAt = now();
    const { watcher } = this;
    this.#complete = Math.max(this.#complete, completeRevision ?? revision);
    if (watcher.heldBack !== undefined) {
      return this.#acceptFirst(revision, batch);
    }
    this.#emptyStoreGuard.noteKey(this.#history);
    const changes = new Map<string, T | undefined>();
    for (const { key: fullKey, value } of batch) {
      const key = this.#keyOf(fullKey);
      if (value === undefined) {
        this.#written.delete(key);
        watcher.rejected.delete(key);
        changes.set(key, undefined);
        watcher.recordEvent("delete", fullKey, revision);
      } else {
        const entry = { revision, value: this.#parse(key, value) };
        const accepted = this.#valueOf(key, entry, true);
        if (accepted !== undefined) changes.set(key, accepted);
        watcher.recordEvent("update", fullKey, revision);
      }
    }
    // A batch of several revisions: each of them may have changed something.
    if (completeRevision === undefined) {
      this.#progress.advance(this.#complete, revision);
    } else {
      this.#progress.advance(
        this.#complete,
        revision,
        this.#progress.revision,
      );
    }
    watcher.apply(changes, readAt);
  }

  /** Applies a batch to a subtree that is empty and held back. */
  #acceptFirst(revision: number, batch: readonly KeyChange[]): void {
    const entries = new Map<string, ParsedEntry<T>>();
    for (const { key: fullKey, value } of batch) {
      const key = this.#keyOf(fullKey);
      if (value !== undefined) {
        entries.set(key, { revision, value: this.#parse(key, value) });
      }
    }
    const snapshot = { type: "snapshot", revision, pages: [] } as const;
    this.#acceptUnlessEmpty(snapshot, entries, this.#lastConfirmed());
  }

  #applyProgress(revision: number): void {
    this.#complete = Math.max(this.#complete, revision);
    if (this.watcher.heldBack === undefined) {
      this.#progress.advance(this.#complete);
    }
  }

  /** Whether what was read last agrees with an inventory; logs and counts the keys that differ. */
  #verify(inventory: Inventory): boolean {
    const keys = this.#differingKeys(inventory);
    if (keys.length === 0) return true;
    this.watcher.differences += keys.length;
    log.error("the state differs from the store's, reading it again", {
      watcher: this.#subtree.name,
      revision: inventory.revision,
      count: keys.length,
      keys: keys.slice(0, 100),
    });
    return false;
  }

  /** The full keys that were not read as the store holds them. */
  #differingKeys({ keys, unsettled }: Inventory): string[] {
    const { watcher } = this;
    const { prefix } = this.#subtree;
    // What is held back is empty; the watcher's state is an older one.
    if (watcher.heldBack !== undefined) {
      return [...new Set(keys.keys()).difference(unsettled)];
    }
    const differing = new Set<string>();
    for (const [fullKey, revision] of keys) {
      const key = this.#keyOf(fullKey);
      const isHeld = watcher.get(key) !== undefined ||
        watcher.rejected.has(key);
      if (this.#written.get(key) !== revision || !isHeld) {
        differing.add(fullKey);
      }
    }
    for (const key of this.#written.keys()) {
      if (!keys.has(prefix + key)) differing.add(prefix + key);
    }
    for (const [key] of watcher.entries("")) {
      if (!keys.has(prefix + key)) differing.add(prefix + key);
    }
    // Keys that are not UTF-8 are decoded to the same text.
    return [...differing.difference(unsettled)]
      .filter((key) => !key.includes("\ufffd"));
  }

  #parse(key: string, value: Uint8Array): T | Rejected {
    try {
      if (key === "") throw new InvalidValue("the key has no name");
      if (key.includes("\ufffd") || !key.isWellFormed()) {
        throw new InvalidValue("the key is not UTF-8");
      }
      return this.#subtree.parse(key, this.#utf8.decode(value));
    } catch (error) {
      return new Rejected(error instanceof Error ? error.message : `${error}`);
    }
  }

  /**
   * The value of an entry; undefined when it is rejected, which is noted.
   *
   * @param isLive whether it was just written
   */
  #valueOf(
    key: string,
    { revision, value }: ParsedEntry<T>,
    isLive: boolean,
  ): T | undefined {
    this.#written.set(key, revision);
    if (value instanceof Rejected) {
      this.#reject(key, { revision, message: value.message, isLive });
      return undefined;
    }
    this.watcher.rejected.delete(key);
    return value;
  }

  #reject(
    key: string,
    { isLive, message, revision }: Pick<Rejection, "message" | "revision"> & {
      readonly isLive: boolean;
    },
  ): void {
    const { watcher } = this;
    const last = watcher.rejected.get(key);
    if (last?.revision === revision) return;
    const { isAtLeast, time } = last ??
      { isAtLeast: !isLive, time: Date.now() };
    watcher.rejected.set(key, { revision, message, isAtLeast, time });
    watcher.rejections++;
    log.error("invalid value in the store ignored", {
      key: this.#subtree.prefix + key,
      revision,
      reason: message,
    });
  }

  #keyOf(fullKey: string): string {
    return fullKey.slice(this.#subtree.prefix.length);
  }
}
