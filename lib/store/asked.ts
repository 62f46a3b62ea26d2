import { abortable } from "../abort.ts";

/** Someone who waits for a proof that begins after he asked. */
interface Asking {
  readonly prefix: string;
  /** As `performance.now()`. */
  readonly at: number;
  resolve(revision: number): void;
}

/** Proofs that somebody waits for: see {@linkcode Store.checkFreshness}. */
export class Asked {
  readonly #asking = new Set<Asking>();

  /** Whether somebody waits. */
  get isAwaited(): boolean {
    return this.#asking.size > 0;
  }

  /** Waits for a proof that begins after now, until the signal aborts. */
  wait(prefix: string, signal: AbortSignal): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const asking = { prefix, at: performance.now(), resolve };
    this.#asking.add(asking);
    return abortable(promise, signal)
      .finally(() => this.#asking.delete(asking));
  }

  /**
   * Tells whoever asked before a proof began.
   *
   * @param revision up to which all was delivered
   * @param at when the proof began, as `performance.now()`
   */
  answer(prefix: string, revision: number, at: number): void {
    for (const asking of this.#asking) {
      if (asking.prefix !== prefix || asking.at > at) continue;
      this.#asking.delete(asking);
      asking.resolve(revision);
    }
  }
}
