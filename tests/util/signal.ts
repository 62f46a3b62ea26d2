/** A signal that tells how many listen to it. */
export class ListenedSignal {
  listeners = 0;
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  constructor() {
    const { signal } = this;
    const { addEventListener, removeEventListener } = EventTarget.prototype;
    Object.assign(signal, {
      addEventListener: (...args: Parameters<typeof addEventListener>) => {
        this.listeners++;
        addEventListener.apply(signal, args);
      },
      removeEventListener: (
        ...args: Parameters<typeof removeEventListener>
      ) => {
        this.listeners--;
        removeEventListener.apply(signal, args);
      },
    });
  }

  abort(): void {
    this.#controller.abort();
  }
}
