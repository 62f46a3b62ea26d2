/**
 * What a test of leaks needs.
 *
 * @module
 */
import { eventually } from "./process.ts";

/** A signal that tells how many listen to it. */
export class ListenedSignal {
  readonly #listeners = new Set<unknown>();
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  constructor() {
    const { signal } = this;
    const { addEventListener, removeEventListener } = EventTarget.prototype;
    Object.assign(signal, {
      addEventListener: (...args: Parameters<typeof addEventListener>) => {
        this.#listeners.add(args[1]);
        addEventListener.apply(signal, args);
      },
      removeEventListener: (
        ...args: Parameters<typeof removeEventListener>
      ) => {
        this.#listeners.delete(args[1]);
        removeEventListener.apply(signal, args);
      },
    });
  }

  abort(): void {
    this.#controller.abort();
  }
}

/** Waits until garbage was collected, the old, too. */
export async function collectGarbage(): Promise<void> {
  const one = new WeakRef({});
  await eventually("garbage is collected", () => {
    const more = Array.from({ length: 100 }, () => new Array(100_000).fill(0));
    return more.length > 0 && one.deref() === undefined || undefined;
  });
}
