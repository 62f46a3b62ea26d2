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

interface Follower {
  readonly prefix: string;
  readonly controller: ReadableStreamDefaultController<WatchEvent>;
}

/**
 * A store in this process: for a demo, for tests, and for a lainlet that
 * serves a file. Its revisions count like etcd's: a commit that changes
 * something makes one, deleting what is not there makes none.
 */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Entry>();
  readonly #followers = new Set<Follower>();
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

  /** What happens here is delivered as it happens. */
  age(): number {
    return 0;
  }

  /** There is nothing to ask: it is told where this stands. */
  // deno-lint-ignore require-await
  async checkFreshness(prefix: string, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    const revision = this.#revision;
    for (const follower of this.#followers) {
      if (follower.prefix !== prefix) continue;
      follower.controller.enqueue({ type: "progress", revision });
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
    const real = changes.filter(({ key, value }) =>
      value !== undefined || this.#entries.has(key)
    );
    if (real.length === 0) return;
    this.#revision++;
    for (const { key, value } of real) {
      if (value === undefined) this.#entries.delete(key);
      else this.#put(key, value);
    }
    for (const { prefix, controller } of this.#followers) {
      const seen = real.filter(({ key }) => key.startsWith(prefix));
      if (seen.length > 0) {
        controller.enqueue({
          type: "batch",
          revision: this.#revision,
          changes: seen,
        });
      }
    }
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<WatchEvent> {
    let follower: Follower;
    let remove: (() => void) | undefined;
    return new ReadableStream<WatchEvent>({
      start: (controller) => {
        if (signal.aborted) return controller.close();
        follower = { prefix, controller };
        this.#followers.add(follower);
        remove = onAbort(signal, () => {
          if (this.#followers.delete(follower)) controller.close();
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
        remove?.();
        this.#followers.delete(follower);
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
 * The content of a store from a JSON file's text.
 *
 * @throws {SyntaxError | TypeError} when it is not `{key: value}` with string values
 */
export function parseContent(text: string): [key: string, value: string][] {
  const json = parse(text);
  if (!isObject(json)) throw new TypeError("must hold a JSON object");
  return Object.entries(json).map(([key, value]) => {
    if (typeof value === "string") return [key, value];
    throw new TypeError(`the value of "${key}" must be a string`);
  });
}
