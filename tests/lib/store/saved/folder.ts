import { MemoryStore } from "../../../../lib/store/memory.ts";
import { loadState } from "../../../../lib/store/saved/read.ts";
import {
  SavedStore,
  type SaveTimes,
} from "../../../../lib/store/saved/store.ts";
import type { Entry, Store, WatchEvent } from "../../../../lib/store/store.ts";
import { type ReadEvent, readEvent } from "../../../util/collector.ts";
import { eventually } from "../../../util/process.ts";

/** Of the cluster that states are saved of. */
export const IDENTITY = { kind: "test", endpoints: ["here"] };

/** A folder in which a state is saved, as often as can be. */
export class Folder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "lainlet-state-" });
  readonly file = `${this.path}/state`;

  open(store: Store, times: SaveTimes = { every: 1 }): Promise<SavedStore> {
    return SavedStore.open(store, this.file, IDENTITY, times);
  }

  /** What is saved of a prefix: keys, revisions and sizes of values. */
  async saved(prefix: string): Promise<string[] | undefined> {
    const state = await loadState(this.file, IDENTITY);
    return state.get(prefix)?.pages[0].map(lineOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Reads what a store says of some prefixes, until it is disposed of. */
export class Readers implements AsyncDisposable {
  readonly items = new Map<string, ReadEvent[]>();
  readonly #abort = new AbortController();
  readonly #over: Promise<unknown>;

  constructor(store: Store, ...prefixes: string[]) {
    const read = async (prefix: string, stream: ReadableStream<WatchEvent>) => {
      for await (const item of stream) {
        this.of(prefix).push(await readEvent(item));
      }
    };
    this.#over = Promise.all(
      prefixes.map((prefix) =>
        read(prefix, store.watch(prefix, this.#abort.signal))
      ),
    );
  }

  of(prefix: string): ReadEvent[] {
    const items = this.items.get(prefix) ?? [];
    this.items.set(prefix, items);
    return items;
  }

  /** Whether there was a snapshot of the store itself. */
  isRead(prefix: string): boolean {
    return this.of(prefix).some((item) =>
      item.type === "snapshot" && item.saved === undefined
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#over;
  }
}

/** What a store holds under a prefix. */
export async function contentOf(
  store: Store,
  prefix: string,
): Promise<string[]> {
  for await (const one of store.watch(prefix, new AbortController().signal)) {
    const item = await readEvent(one);
    if (item.type === "snapshot") return item.entries.map(lineOf);
  }
  throw new Error("no snapshot");
}

function lineOf({ key, value, revision }: Entry): string {
  return `${key} of ${revision}: ${value.length} times ${value[0]}`;
}

/** Leaves a file that holds these keys. */
export async function save(
  folder: Folder,
  content: readonly [string, string][],
  ...prefixes: string[]
): Promise<void> {
  const saved = await folder.open(new MemoryStore(content));
  {
    await using readers = new Readers(saved, ...prefixes);
    await eventually(
      "all is read",
      () => prefixes.every((prefix) => readers.isRead(prefix)) || undefined,
    );
  }
  await saved.close();
}
