import { MemoryStore } from "../../../lib/store/memory.ts";
import type { Store } from "../../../lib/store/store.ts";
import type { StoreHarness } from "./conformance.ts";

/** A store in this process, as it is or in another one. */
export class MemoryHarness implements StoreHarness {
  readonly #encoder = new TextEncoder();
  readonly #keys = new Set<string>();

  constructor(
    private readonly memory = new MemoryStore(),
    readonly store: Store = memory,
    private readonly end: () => Promise<void> = () => Promise.resolve(),
  ) {}

  write(
    changes: Readonly<Record<string, string | Uint8Array | null>>,
  ): Promise<number> {
    Object.keys(changes).forEach((key) => this.#keys.add(key));
    this.memory.commit(
      Object.entries(changes).map(([key, value]) => ({
        key,
        value: value === null
          ? undefined
          : typeof value === "string"
          ? this.#encoder.encode(value)
          : value,
      })),
    );
    return Promise.resolve(this.memory.status.revision);
  }

  clear(): Promise<void> {
    this.memory.commit([...this.#keys].map((key) => ({ key })));
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
