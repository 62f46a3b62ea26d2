/**
 * The time, in ms since 1970, by a clock that all threads share and that
 * nobody sets while they run: for what begins on one and ends on another.
 */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
