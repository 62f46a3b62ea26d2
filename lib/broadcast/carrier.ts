import type { StreamStats } from "../stats/counters.ts";

/** What streams carried. */
export interface DeliveryCounts {
  deliveries: number;
  conflated: number;
  bytes: number;
}

/** A stream that is looked after, of whatever protocol. */
export interface RegisteredStream extends StreamStats {
  /** Where it is noted how the stream stands; undefined: nowhere. */
  readonly slot: number | undefined;
  /** Adds what was carried since the last time. */
  report(sent: DeliveryCounts): void;
  /**
   * Looks after the stream, now and then: a clock is too dear for each frame.
   *
   * @param elapsed since the last time, in ms
   * @param idle the stream gets a sign of life when it carried nothing for so many ms
   * @returns for how long the reader has not taken what is there for it, in ms
   */
  tick(elapsed: number, idle: number): number;
  /** Ends the stream. */
  end(): void;
}
