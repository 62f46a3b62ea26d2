import { getLogger } from "@logtape/logtape";
import { now } from "../time.ts";
import { errorTrace } from "../log.ts";
import type {
  Batch,
  Inventory,
  KeyChange as StoreChange,
  Snapshot,
  Store,
  WatchEvent,
} from "../store/store.ts";
import type { Effects } from "./effects.ts";
import { BadValue } from "./fields.ts";
import type { EmptyStoreGuard } from "./empty_store_guard.ts";
import { SubtreeProgress } from "./progress.ts";
import { Watcher } from "./watcher.ts";

const log = getLogger(["lainlet", "watcher"]);

/** One subtree of the store, and how its values are read. */
export interface Subtree<T> {
  readonly name: string;
  readonly prefix: string;
  /**
   * Makes one value of the subtree.
   *
   * @param key the key without the prefix
   * @throws {BadValue | SyntaxError | RangeError} when it is not what the layout says
   */
  parse(key: string, text: string): T;
}

/** Why a value is not taken. */
class Rejected {
  constructor(readonly reason: string) {}
}

/** What was made of a value, and the revision that wrote it. */
interface Read<T> {
  readonly revision: number;
  readonly value: T | Rejected;
}

/**
 * A watcher of a subtree of a store, until the signal aborts. A bad value is
 * logged once per revision and counted; its key keeps its last good value.
 * What differs from the store's inventory is logged, counted, and read anew.
 */
export function followSubtree<T>(
  store: Store,
  { name, prefix, parse }: Subtree<T>,
  firstRead: EmptyStoreGuard,
  effects: Effects,
  signal: AbortSignal,
): Watcher<T> {
  /** The file that the state is from, and since when it is unconfirmed, as `performance.now()`. */
  let saved: { readonly file: string; readonly since: number } | undefined;
  /** The history of what is held, and of what was read last; undefined: there was none. */
  let heldHistory: number | undefined;
  let history = 0;
  /** Up to which revision of that all was read, whether it is taken or not. */
  let complete = 0;
  const progress = new SubtreeProgress((signal) =>
    store.checkFreshness(prefix, signal)
  );
  const watcher = new Watcher<T>(
    name,
    () =>
      saved
        ? performance.now() - saved.since
        : heldHistory === undefined
        ? Infinity
        : store.age(prefix, heldHistory),
    () => saved?.file,
    progress,
    effects,
  );
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** The revision that last wrote each key, whether its value was taken or not. */
  const written = new Map<string, number>();

  const reject = (key: string, revision: number, reason: string) => {
    if (watcher.rejected.get(key)?.revision === revision) return;
    watcher.rejected.set(key, { revision, message: reason });
    watcher.rejections++;
    log.error("a bad value in the store is not taken", {
      key: prefix + key,
      revision,
      reason,
    });
  };

  const read = (key: string, value: Uint8Array): T | Rejected => {
    try {
      if (key === "") throw new BadValue("the key has no name");
      if (key.includes("\ufffd") || !key.isWellFormed()) {
        throw new BadValue("the key is not UTF-8");
      }
      return parse(key, utf8.decode(value));
    } catch (error) {
      return new Rejected(error instanceof Error ? error.message : `${error}`);
    }
  };

  /** The value that was read, or undefined when it is rejected. */
  const accept = (key: string, { revision, value }: Read<T>): T | undefined => {
    written.set(key, revision);
    if (value instanceof Rejected) {
      reject(key, revision, value.reason);
      return undefined;
    }
    watcher.rejected.delete(key);
    return value;
  };

  const takeSnapshot = (
    snapshot: Snapshot,
    read: ReadonlyMap<string, Read<T>>,
  ) => {
    saved = snapshot.saved && {
      file: snapshot.saved.file,
      // A clock that was set back does not make it younger than new.
      since: performance.now() - Math.max(0, Date.now() - snapshot.saved.at),
    };
    watcher.heldBack = undefined;
    const changes = new Map<string, T | undefined>();
    for (const [key] of watcher.entries("")) changes.set(key, undefined);
    written.clear();
    for (const [key, one] of read) {
      changes.set(key, accept(key, one) ?? watcher.get(key));
    }
    for (const key of watcher.rejected.keys()) {
      if (!written.has(key)) watcher.rejected.delete(key);
    }
    watcher.recordEvent("init", "", snapshot.revision);
    const newest = Math.max(complete, snapshot.revision);
    // What was saved may never have been the store's.
    if (snapshot.saved) progress.startHistory(history, 0);
    else if (heldHistory === history) {
      progress.advance(complete, newest, progress.revision);
    } else progress.startHistory(history, complete, newest);
    heldHistory = snapshot.saved ? undefined : history;
    watcher.apply(changes);
    watcher.sync();
  };

  /** Takes all that there is, unless nothing is anywhere. */
  const takeIfFound = (
    snapshot: Snapshot,
    read: ReadonlyMap<string, Read<T>>,
  ) => {
    const take = () => takeSnapshot(snapshot, read);
    if (firstRead.offer(name, history, take)) return;
    watcher.heldBack = firstRead.problem;
    if (read.size > 0) firstRead.noteKey(history);
    // What is held is of a history that is over.
    if (watcher.heldBack !== undefined) {
      progress.startHistory(progress.history, 0);
    }
  };

  const applySnapshot = async (snapshot: Snapshot) => {
    const all = new Map<string, Read<T>>();
    try {
      for await (const page of snapshot.pages) {
        for (const { key: full, value, revision } of page) {
          const key = full.slice(prefix.length);
          all.set(key, { revision, value: read(key, value) });
        }
      }
    } catch (error) {
      return log.debug("a snapshot did not come whole", {
        watcher: name,
        error: String(error),
      });
    }
    if (snapshot.saved) return takeSnapshot(snapshot, all);
    history = snapshot.history ?? 0;
    complete = snapshot.completeRevision ?? snapshot.revision;
    takeIfFound(snapshot, all);
  };

  /** Takes the first keys where there was none. */
  const takeFirst = (revision: number, changes: readonly StoreChange[]) => {
    const all = new Map<string, Read<T>>();
    for (const { key: full, value } of changes) {
      const key = full.slice(prefix.length);
      if (value !== undefined) {
        all.set(key, { revision, value: read(key, value) });
      }
    }
    takeIfFound({ type: "snapshot", revision, pages: [] }, all);
  };

  const applyBatch = (
    { revision, changes: batch, completeRevision: upTo }: Batch,
  ) => {
    const readAt = now();
    complete = Math.max(complete, upTo ?? revision);
    if (watcher.heldBack !== undefined) return takeFirst(revision, batch);
    firstRead.noteKey(history);
    const changes = new Map<string, T | undefined>();
    for (const { key: full, value } of batch) {
      const key = full.slice(prefix.length);
      if (value === undefined) {
        written.delete(key);
        watcher.rejected.delete(key);
        changes.set(key, undefined);
        watcher.recordEvent("delete", full, revision);
      } else {
        const parsed = accept(key, { revision, value: read(key, value) });
        if (parsed !== undefined) changes.set(key, parsed);
        watcher.recordEvent("update", full, revision);
      }
    }
    // Of several in a row, any since the last one may have changed something.
    if (upTo === undefined) progress.advance(complete, revision);
    else progress.advance(complete, revision, progress.revision);
    watcher.apply(changes, readAt);
  };

  /** Keys, in full, that are not here as they are in the store. */
  const differing = ({ keys, unsettled }: Inventory): string[] => {
    const wrong = new Set<string>();
    for (const [full, revision] of keys) {
      const key = full.slice(prefix.length);
      const isHeld = watcher.get(key) !== undefined ||
        watcher.rejected.has(key);
      if (written.get(key) !== revision || !isHeld) wrong.add(full);
    }
    for (const key of written.keys()) {
      if (!keys.has(prefix + key)) wrong.add(prefix + key);
    }
    for (const [key] of watcher.entries("")) {
      if (!keys.has(prefix + key)) wrong.add(prefix + key);
    }
    // Keys that are not UTF-8 cannot be told from each other here.
    return [...wrong.difference(unsettled)]
      .filter((key) => !key.includes("\ufffd"));
  };

  /** Whether the watcher is as the store is; logs and counts what is not. */
  const verify = (inventory: Inventory): boolean => {
    const keys = differing(inventory);
    if (keys.length === 0) return true;
    watcher.differences += keys.length;
    log.error("the state is not the store's, reading anew", {
      watcher: name,
      revision: inventory.revision,
      count: keys.length,
      keys: keys.slice(0, 100),
    });
    return false;
  };

  const noteProgress = (revision: number) => {
    complete = Math.max(complete, revision);
    if (watcher.heldBack === undefined) progress.advance(complete);
  };

  /** Takes what the store says. @returns whether the watcher is right with it */
  const take = async (item: WatchEvent): Promise<boolean> => {
    log.debug("the store has news", {
      watcher: name,
      type: item.type,
      revision: item.revision,
    });
    if (item.type === "snapshot") await applySnapshot(item);
    else if (item.type === "batch") applyBatch(item);
    else if (item.type === "progress") noteProgress(item.revision);
    else return watcher.heldBack !== undefined || verify(item);
    return true;
  };

  /** Of its own, to keep hold of no item while it waits for the next one: a snapshot is large. */
  const step = async (
    reader: ReadableStreamDefaultReader<WatchEvent>,
  ): Promise<"next" | "anew" | "over"> => {
    const { done, value } = await reader.read();
    if (done) return "over";
    if (await take(value)) return "next";
    await reader.cancel();
    return "anew";
  };

  const run = async () => {
    for (let then = "anew"; then === "anew";) {
      const reader = store.watch(prefix, signal).getReader();
      do then = await step(reader); while (then === "next");
    }
  };
  run().catch((error) =>
    log.fatal("a watcher stopped", { watcher: name, error: errorTrace(error) })
  );
  return watcher;
}
