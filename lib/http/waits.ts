/** Something that a request waits for, for so long, and no longer than who asked. */
export class Wait implements Disposable {
  readonly #ending = new AbortController();
  readonly #end = () => this.#ending.abort();
  readonly #timer: ReturnType<typeof setTimeout>;

  /** Aborts when there is no more to be waited for. */
  readonly signal = this.#ending.signal;

  /**
   * @param waits where it is noted until it is over
   * @param most in ms
   * @param gone aborts when who asked has gone
   */
  constructor(
    private readonly waits: Set<Wait>,
    most: number,
    private readonly gone?: AbortSignal,
  ) {
    waits.add(this);
    this.#timer = setTimeout(this.#end, most);
    if (gone?.aborted) this.#end();
    gone?.addEventListener("abort", this.#end);
  }

  end(): void {
    this.#end();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.gone?.removeEventListener("abort", this.#end);
    this.waits.delete(this);
  }
}

/** All that requests wait for. */
export class Waits {
  readonly #open = new Set<Wait>();
  #isClosed = false;

  /** @see {@linkcode Wait} */
  begin(most: number, gone?: AbortSignal): Wait {
    const wait = new Wait(this.#open, most, gone);
    if (this.#isClosed) wait.end();
    return wait;
  }

  /** Ends all waits, and those to come. */
  close(): void {
    this.#isClosed = true;
    for (const wait of this.#open) wait.end();
  }
}
