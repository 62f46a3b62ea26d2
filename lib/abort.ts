/**
 * Signals that may have aborted before anybody waits for them, and that may
 * live longer than whoever does. A signal dispatches its event once: a
 * listener that is added later is never called.
 *
 * @module
 */

/**
 * Calls a function when a signal aborts; at once, within this call, when it
 * has aborted already.
 *
 * @returns removes the listener, as a signal may outlive what waits for it
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  if (signal.aborted) call();
  else signal.addEventListener("abort", call, { once: true });
  return () => signal.removeEventListener("abort", call);
}

/**
 * Waits for a promise, as long as a signal has not aborted.
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
 * Aborts when a parent signal does, as a child context does in Go. It listens
 * to the parent until it is aborted: whoever makes one aborts it at the end of
 * its own work, and leaves nothing behind on a parent that lives longer.
 * `AbortSignal.any` cannot do that: a signal that it gave and that something
 * listens to is kept by its sources until they abort (seen in Node.js 20 and
 * 22, and in Deno 2.9).
 */
export class ChildController extends AbortController {
  readonly #remove?: () => void;

  constructor(parent?: AbortSignal) {
    super();
    this.#remove = parent && onAbort(parent, () => this.abort(parent.reason));
  }

  override abort(reason?: unknown): void {
    if (this.signal.aborted) return;
    this.#remove?.();
    super.abort(reason);
  }
}
