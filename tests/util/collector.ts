import type { Item, Store } from "../../lib/store/store.ts";
import { eventually } from "./process.ts";

/** Collects what a watch delivers. */
export class Collector implements AsyncDisposable {
  readonly items: Item[] = [];
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor(store: Store, prefix: string) {
    this.#done = (async () => {
      for await (const item of store.watch(prefix, this.#abort.signal)) {
        this.items.push(item);
      }
    })();
  }

  get revisions(): number[] {
    return this.items.map(({ revision }) => revision);
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
