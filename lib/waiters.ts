import { abortable } from "./abort.ts";

/** Callers that wait, each until its condition holds or its signal aborts. */
export class Waiters<Condition, Result = void> {
  readonly #waiting = new Map<Condition, (result: Result) => void>();

  /** How many callers wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Waits until {@linkcode resolve} finds the condition met.
   *
   * @param condition an object that no other caller passes
   * @throws the signal's reason
   */
  wait(condition: Condition, signal: AbortSignal): Promise<Result> {
    const { promise, resolve } = Promise.withResolvers<Result>();
    this.#waiting.set(condition, resolve);
    return abortable(promise, signal)
      .finally(() => this.#waiting.delete(condition));
  }

  /** Ends the wait of every caller whose condition is met. */
  resolve(isMet: (condition: Condition) => boolean, result: Result): void {
    for (const [condition, resolve] of this.#waiting) {
      if (!isMet(condition)) continue;
      this.#waiting.delete(condition);
      resolve(result);
    }
  }
}
