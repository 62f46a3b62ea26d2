import { onAbort } from "./abort.ts";

/**
 * The time in ms since 1970, by a clock that all threads share and that no
 * administrator sets: for intervals that begin on one thread and end on another.
 */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * The delay before a retry, in ms: doubles from 100 ms to 3 s, with a random
 * factor between 0.5 and 1, so that the lainlets of many nodes do not
 * reconnect to a restarted store at the same time.
 *
 * @param failures consecutive failed attempts so far
 */
export function backoff(failures: number): number {
  const max = Math.min(3_000, 100 * 2 ** Math.min(failures, 10));
  return max * (0.5 + Math.random() / 2);
}

/** Number of slots into which {@linkcode nextAlignedDelay} divides an interval. */
const ALIGNED_SLOTS = 50;

/**
 * The delay until a periodic action runs again, in ms: a random time between
 * 0.9 of an interval and all of it, moved back to a multiple of a fiftieth of
 * the interval on the wall clock. The random part spreads the lainlets of many
 * nodes. The alignment lets some of them coincide, because a store that wakes
 * up for each of them uses several times as much CPU. With an interval of 5 s
 * the slots are 100 ms apart. Clocks that differ only select another slot.
 *
 * @param interval in ms
 * @param now in ms since 1970
 */
export function nextAlignedDelay(interval: number, now = Date.now()): number {
  const delay = interval * (0.9 + Math.random() / 10);
  return delay - (now + delay) % (interval / ALIGNED_SLOTS);
}

/** Waits for `ms`, or until the signal aborts; does not throw then. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  // Node.js 20, where the client runs, has no `Promise.withResolvers`.
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      remove();
      resolve();
    }, ms);
    const remove = onAbort(signal, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
