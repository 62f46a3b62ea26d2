import { onAbort } from "../abort.ts";
import { readText, UsageError } from "../flags.ts";
import { isObject, parse } from "../json.ts";
import type { StoreKind } from "./kind.ts";
import type {
  Entry,
  KeyChange,
  Store,
  StoreStatus,
  WatchEvent,
} from "./store.ts";

/** A JSON file, read once. */
export const memory: StoreKind = {
  name: "memory",
  argument: "FILE",
  about: 'a JSON file of {"key": "value"}',
  flags: [],
  read(_, file) {
    return {
      kind: this.name,
      endpoints: [file],
      // deno-lint-ignore require-await
      async open() {
        const text = readText("store", file);
        try {
          return new MemoryStore(parseContent(text));
        } catch (error) {
          const reason = error instanceof Error ? error.message : error;
          throw new UsageError(`--store: ${file}: ${reason}`);
        }
      },
    };
  },
};

interface OpenWatch {
  readonly prefix: string;
  readonly controller: ReadableStreamDefaultController<WatchEvent>;
}

/**
 * A store in this process: for the demo, for tests, and to serve a file.
 * Revisions are like etcd's: a commit that changes something makes one, and
 * removing keys that do not exist makes none.
 */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Entry>();
  readonly #watches = new Set<OpenWatch>();
  #revision = 1;

  constructor(content: Iterable<readonly [key: string, value: string]> = []) {
    for (const [key, value] of content) {
      this.#put(key, encode(value));
    }
  }

  get status(): StoreStatus {
    return {
      source: "memory",
      revision: this.#revision,
      reconnects: 0,
      missed: 0,
      problems: [],
    };
  }

  /** Changes are delivered at once. */
  age(): number {
    return 0;
  }

  /** Everything was delivered. Only progress is reported. */
  // deno-lint-ignore require-await
  async checkFreshness(prefix: string, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    const revision = this.#revision;
    for (const watch of this.#watches) {
      if (watch.prefix !== prefix) continue;
      watch.controller.enqueue({ type: "progress", revision });
    }
    return revision;
  }

  put(key: string, value: string | Uint8Array): void {
    this.commit([{ key, value: encode(value) }]);
  }

  delete(key: string): void {
    this.commit([{ key }]);
  }

  /** Makes all changes in one revision. */
  commit(changes: readonly KeyChange[]): void {
    const effective = changes.filter(({ key, value }) =>
      value !== undefined || this.#entries.has(key)
    );
    if (effective.length === 0) return;
    this.#revision++;
    for (const { key, value } of effective) {
      if (value === undefined) this.#entries.delete(key);
      else this.#put(key, value);
    }
    for (const { prefix, controller } of this.#watches) {
      const visible = effective.filter(({ key }) => key.startsWith(prefix));
      if (visible.length > 0) {
        controller.enqueue({
          type: "batch",
          revision: this.#revision,
          changes: visible,
        });
      }
    }
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<WatchEvent> {
    let watch: OpenWatch;
    let removeListener: (() => void) | undefined;
    return new ReadableStream<WatchEvent>({
      start: (controller) => {
        if (signal.aborted) return controller.close();
        watch = { prefix, controller };
        this.#watches.add(watch);
        removeListener = onAbort(signal, () => {
          if (this.#watches.delete(watch)) controller.close();
        });
        controller.enqueue({
          type: "snapshot",
          revision: this.#revision,
          pages: [
            [...this.#entries.values()]
              .filter(({ key }) => key.startsWith(prefix))
              .sort((a, b) => a.key < b.key ? -1 : 1),
          ],
        });
      },
      cancel: () => {
        removeListener?.();
        this.#watches.delete(watch);
      },
    });
  }

  #put(key: string, value: Uint8Array): void {
    this.#entries.set(key, { key, value, revision: this.#revision });
  }
}

function encode(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}

/**
 * Parses the text of a JSON file, `{key: value}`.
 *
 * @throws {SyntaxError | TypeError} when it has another form
 */
export function parseContent(text: string): [key: string, value: string][] {
  const json = parse(text);
  if (!isObject(json)) throw new TypeError("must hold a JSON object");
  return Object.entries(json).map(([key, value]) => {
    if (typeof value === "string") return [key, value];
    throw new TypeError(`the value of "${key}" must be a string`);
  });
}
