import type { Changes } from "./store.ts";

/** A write, and the revision that it made; null: the key was removed. */
export interface Write {
  readonly revision: number;
  readonly value: string | null;
}

/** Several who write keys of their own in turn, without a pause, until they are disposed of. */
export class Writers implements AsyncDisposable {
  /** What was written to each key, in order. */
  readonly written: ReadonlyMap<string, Write[]>;
  readonly #over: Promise<unknown>;
  #isOver = false;

  /**
   * @param write makes changes, and says which revision that was
   * @param keys of each writer
   * @param removeEvery how often a key is removed; 0: never
   */
  constructor(
    private readonly write: (changes: Changes) => Promise<number>,
    keys: readonly (readonly string[])[],
    private readonly removeEvery = 0,
  ) {
    this.written = new Map(keys.flat().map((key) => [key, []]));
    this.#over = Promise.all(keys.map((own) => this.#run(own)));
  }

  /** The value of a key at a revision, and those that it had up to a later one. */
  between(key: string, first: number, last: number): (string | null)[] {
    const writes = this.written.get(key) ?? [];
    const at = writes.findLast(({ revision }) => revision <= first);
    const later = writes.filter(({ revision }) =>
      revision > first && revision <= last
    );
    return [at?.value ?? null, ...later.map(({ value }) => value)];
  }

  async #run(keys: readonly string[]): Promise<void> {
    for (let i = 1; !this.#isOver; i++) {
      const key = keys[i % keys.length] ?? "";
      const writes = this.written.get(key) ?? [];
      const isRemoval = this.removeEvery > 0 && i % this.removeEvery === 0;
      const value = isRemoval ? null : `{"n":${i}}`;
      const last = writes.at(-1)?.value ?? null;
      if (value === null && last === null) continue;
      const revision = await this.write({ [key]: value });
      writes.push({ revision, value });
      // A store in this process takes no time, and its readers need some.
      await new Promise((go) => setTimeout(go));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#over;
  }
}
