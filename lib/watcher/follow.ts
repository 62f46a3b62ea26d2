import { getLogger } from "@logtape/logtape";
import type { Store } from "../store/store.ts";
import { BadValue } from "../fields.ts";
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

/**
 * A watcher of a subtree of a store, until the signal aborts. A bad value is
 * logged once per revision and counted; its key keeps its last good value.
 */
export function follow<T>(
  store: Store,
  { name, prefix, parse }: Subtree<T>,
  signal: AbortSignal,
): Watcher<T> {
  const watcher = new Watcher<T>(name);
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  const reject = (key: string, revision: number, reason: string) => {
    if (watcher.rejected.get(key)?.revision === revision) return;
    watcher.rejected.set(key, { revision, reason });
    watcher.rejections++;
    log.error("a bad value in the store is not taken", {
      key: prefix + key,
      revision,
      reason,
    });
  };

  /** The parsed value, or undefined when it was rejected. */
  const read = (key: string, value: Uint8Array, revision: number) => {
    try {
      if (key === "") throw new BadValue("the key has no name");
      if (key.includes("\ufffd")) throw new BadValue("the key is not UTF-8");
      const parsed = parse(key, utf8.decode(value));
      watcher.rejected.delete(key);
      return parsed;
    } catch (error) {
      reject(
        key,
        revision,
        error instanceof Error ? error.message : `${error}`,
      );
    }
  };

  const run = async () => {
    for await (const item of store.watch(prefix, signal)) {
      const changes = new Map<string, T | undefined>();
      if (item.type === "snapshot") {
        for (const [key] of watcher.entries("")) changes.set(key, undefined);
        const present = new Set<string>();
        for (const { key: full, value, revision } of item.entries) {
          const key = full.slice(prefix.length);
          present.add(key);
          changes.set(key, read(key, value, revision) ?? watcher.get(key));
        }
        for (const key of watcher.rejected.keys()) {
          if (!present.has(key)) watcher.rejected.delete(key);
        }
        watcher.note("init", "", item.revision);
      } else {
        for (const { key: full, value } of item.changes) {
          const key = full.slice(prefix.length);
          if (value === undefined) {
            watcher.rejected.delete(key);
            changes.set(key, undefined);
            watcher.note("delete", full, item.revision);
          } else {
            const parsed = read(key, value, item.revision);
            if (parsed !== undefined) changes.set(key, parsed);
            watcher.note("update", full, item.revision);
          }
        }
      }
      log.debug("the store changed", {
        watcher: name,
        change: item.type,
        revision: item.revision,
        keys: changes.size,
      });
      watcher.apply(changes);
    }
  };
  run().catch((error) =>
    log.fatal("a watcher stopped", { watcher: name, error: String(error) })
  );
  return watcher;
}
