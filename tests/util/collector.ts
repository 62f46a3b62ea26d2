import { assertEquals } from "@std/assert";
import type {
  Entry,
  Snapshot,
  Store,
  WatchEvent,
} from "../../lib/store/store.ts";
import { eventually } from "./process.ts";

/** An event of a watch, read: a snapshot with all its entries. */
export type ReadEvent =
  | Exclude<WatchEvent, Snapshot>
  | Snapshot & { readonly entries: readonly Entry[] };

/** Reads an item. @throws when a snapshot is incomplete */
export async function readEvent(item: WatchEvent): Promise<ReadEvent> {
  if (item.type !== "snapshot") return item;
  return { ...item, entries: (await Array.fromAsync(item.pages)).flat() };
}

/** Collects what a watch delivers. */
export class Collector implements AsyncDisposable {
  readonly items: ReadEvent[] = [];
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor(store: Store, prefix: string) {
    this.#done = (async () => {
      for await (const item of store.watch(prefix, this.#abort.signal)) {
        // Progress comes whenever the state is confirmed.
        if (item.type !== "progress") this.items.push(await readEvent(item));
      }
    })();
  }

  get revisions(): number[] {
    return this.items.map(({ revision }) => revision);
  }

  get types(): WatchEvent["type"][] {
    return this.items.map(({ type }) => type);
  }

  /** The keys and values after all items. */
  get held(): Record<string, string> {
    const state = new Map<string, string>();
    const put = (key: string, value: Uint8Array) =>
      state.set(key, new TextDecoder().decode(value));
    for (const item of this.items) {
      if (item.type === "snapshot") {
        state.clear();
        for (const { key, value } of item.entries) put(key, value);
      } else if (item.type === "batch") {
        for (const { key, value } of item.changes) {
          if (value === undefined) state.delete(key);
          else put(key, value);
        }
      }
    }
    return Object.fromEntries(state);
  }

  /** Waits for these keys and values. */
  async holds(expected: Record<string, string>): Promise<void> {
    await eventually(`${JSON.stringify(expected)} is held`, () => {
      assertEquals(this.held, expected);
      return true;
    });
  }

  async count(items: number): Promise<void> {
    await eventually(
      `${items} items`,
      () => this.items.length >= items ? true : undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }
}
