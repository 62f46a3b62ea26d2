import { MemoryStore, parseContent } from "../../../lib/store/memory.ts";
import type {
  KeyChange,
  Store,
  StoreStatus,
  WatchEvent,
} from "../../../lib/store/store.ts";
import type { Ability, StoreHarness } from "./conformance.ts";

/** How often the file is read, in ms. */
const POLL_EVERY = 20;

/**
 * A store in a JSON file of `{"key": "value"}`, which it polls: the minimum of a
 * store. All writes between two reads are one change; a write of the same value
 * is none.
 */
export class PolledStore implements Store, Disposable {
  readonly #memory = new MemoryStore();
  readonly #held = new Map<string, string>();
  readonly #timer = setInterval(() => this.#poll(), POLL_EVERY);
  #readAt = -Infinity;
  #problem?: string;

  constructor(private readonly file: string) {
    this.#poll();
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<WatchEvent> {
    return this.#memory.watch(prefix, signal);
  }

  age(): number {
    return performance.now() - this.#readAt;
  }

  async checkFreshness(prefix: string, signal: AbortSignal): Promise<number> {
    this.#poll();
    return await this.#memory.checkFreshness(prefix, signal);
  }

  get status(): StoreStatus {
    const problems = this.#problem === undefined ? [] : [this.#problem];
    return { ...this.#memory.status, source: this.file, problems };
  }

  #poll(): void {
    try {
      const content = new Map(parseContent(Deno.readTextFileSync(this.file)));
      this.#readAt = performance.now();
      this.#problem = undefined;
      this.#take(content);
    } catch (error) {
      this.#problem = `${error}`;
    }
  }

  #take(content: ReadonlyMap<string, string>): void {
    const changes: KeyChange[] = [];
    for (const key of this.#held.keys()) {
      if (!content.has(key)) changes.push({ key });
    }
    for (const [key, text] of content) {
      if (this.#held.get(key) === text) continue;
      changes.push({ key, value: new TextEncoder().encode(text) });
    }
    this.#held.clear();
    for (const [key, text] of content) this.#held.set(key, text);
    this.#memory.commit(changes);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** A {@linkcode PolledStore}, and its file. */
export class PolledHarness implements StoreHarness {
  readonly lacks: readonly Ability[] = ["bytes", "equal values", "history"];
  readonly #file = Deno.makeTempFileSync({ prefix: "lainlet-polled-" });
  #content: Record<string, string> = {};
  #lastWrite: Promise<unknown> = Promise.resolve();
  readonly store = new PolledStore(this.#file);

  write(
    changes: Readonly<Record<string, string | Uint8Array | null>>,
  ): Promise<number> {
    return this.#inTurn(() => {
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) delete this.#content[key];
        else {
          this.#content[key] = typeof value === "string"
            ? value
            : new TextDecoder().decode(value);
        }
      }
      return this.#save();
    });
  }

  async clear(): Promise<void> {
    await this.#inTurn(() => {
      this.#content = {};
      return this.#save();
    });
  }

  /** Runs a write after the one before, so that a revision is known to be its own. */
  #inTurn(write: () => Promise<number>): Promise<number> {
    const written = this.#lastWrite.then(write);
    this.#lastWrite = written;
    return written;
  }

  /** Replaces the file, so that no half of it is ever read. @returns the revision that has it */
  async #save(): Promise<number> {
    await Deno.writeTextFile(
      `${this.#file}.new`,
      JSON.stringify(this.#content),
    );
    await Deno.rename(`${this.#file}.new`, this.#file);
    const { signal } = new AbortController();
    return await this.store.checkFreshness("", signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store[Symbol.dispose]();
    await Deno.remove(this.#file);
  }
}
