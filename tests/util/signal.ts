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
