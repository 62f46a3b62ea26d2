/// <reference lib="dom" />
/**
 * When a page asks, and how often it draws what it hears.
 *
 * @module
 */

/** How often something is drawn at most, in ms: states may come faster than anybody can look. */
const PACE = 250;

/**
 * Does something while the page is seen: a hidden one takes no connection, of
 * which browsers have six for a host.
 *
 * @param start its signal aborts when the page is hidden
 * @returns ends it
 */
export function whileShown(start: (signal: AbortSignal) => void): () => void {
  let shown = new AbortController();
  const look = () => {
    shown.abort();
    if (document.hidden) return;
    shown = new AbortController();
    start(shown.signal);
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    shown.abort();
  };
}

/** Hands on the newest of what it is told, the first at once. */
export class Paced<T> {
  #newest?: { readonly value: T };
  #timer?: ReturnType<typeof setTimeout>;
  #last = -Infinity;

  constructor(private readonly draw: (newest: T) => void) {}

  tell(value: T): void {
    this.#newest = { value };
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#last = performance.now();
      if (this.#newest) this.draw(this.#newest.value);
    }, this.#last + PACE - performance.now());
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
