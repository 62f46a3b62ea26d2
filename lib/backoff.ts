/**
 * The time to wait before a retry, in ms: doubles from 100 ms to 3 s, and is
 * jittered to between half and all of that, so that the lainlets of many
 * nodes do not return to a restarted etcd in step.
 *
 * @param failures failed attempts so far, in a row
 */
export function backoff(failures: number): number {
  const longest = Math.min(3_000, 100 * 2 ** Math.min(failures, 10));
  return longest * (0.5 + Math.random() / 2);
}

/** Waits; resolves early when the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
