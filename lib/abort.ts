/**
 * Abort signals that may have aborted before anything waits for them, and that
 * may live longer than what waits. A signal dispatches its event once: a
 * listener that is added later is never called.
 *
 * @module
 */

/**
 * Calls a function when a signal aborts; synchronously, if it already has.
 *
 * @returns removes the listener, because a signal may outlive what waits for it
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  if (signal.aborted) call();
  else signal.addEventListener("abort", call, { once: true });
  return () => signal.removeEventListener("abort", call);
}

/**
 * Waits for a promise until a signal aborts.
 *
 * @throws what the promise rejects with, or the signal's reason
 */
export async function abortable<T>(
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  let remove: (() => void) | undefined;
  // Node.js 20, where the client runs, has no `Promise.withResolvers`.
  const aborted = new Promise<never>((_, reject) => {
    remove = onAbort(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    remove?.();
  }
}

/**
 * Aborts when one of its parents does, like a child context in Go. It listens
 * to its parents until it aborts, so abort it when its own work ends: then no
 * listener stays on a parent that lives longer.
 *
 * `AbortSignal.any` cannot do that: a source retains each dependent signal that
 * has listeners until the source aborts (seen in Node.js 20 and 22, and in Deno
 * 2.9).
 */
export class ChildController extends AbortController {
  readonly #removers: (() => void)[] = [];

  constructor(...parents: readonly (AbortSignal | undefined)[]) {
    super();
    for (const parent of parents) {
      if (parent === undefined || this.signal.aborted) continue;
      this.#removers.push(onAbort(parent, () => this.abort(parent.reason)));
    }
  }

  override abort(reason?: unknown): void {
    if (this.signal.aborted) return;
    for (const remove of this.#removers) remove();
    super.abort(reason);
  }
}
