import { onAbort } from "./abort.ts";

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

/** How many beats there are in the time between two times that something is done. */
const BEATS = 50;

/**
 * The time until something is done again, in ms: jittered to between nine
 * tenths of a limit and all of it, so that the lainlets of many nodes do not
 * all do it at once, and from there back to a beat of the wall clock, so that
 * some do: a store that has to wake up for each of them takes several times as
 * long for it. With a limit of 5 s the beats are 100 ms apart. Clocks that
 * differ only make it another beat.
 *
 * @param most the limit, in ms
 * @param now in ms since 1970
 */
export function nextAlignedDelay(most: number, now = Date.now()): number {
  const pause = most * (0.9 + Math.random() / 10);
  return pause - (now + pause) % (most / BEATS);
}

/** Waits; resolves early when the signal aborts. */
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

/**
 * The time, in ms since 1970, by a clock that all threads share and that
 * nobody sets while they run: for what begins on one and ends on another.
 */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
