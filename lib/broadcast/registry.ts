import type { Counters, StreamStats } from "../stats/counters.ts";

/** In ms. */
const DEFAULT_IDLE = 30_000;

/** Deliveries since the last report. */
export interface DeliveryCounts {
  /** States and patches sent. */
  deliveries: number;
  /** States not sent because a newer one came first. */
  conflated: number;
  bytes: number;
}

/** A stream of any protocol, as the registry sees it. */
export abstract class RegisteredStream implements StreamStats {
  #reported = 0;
  #bytes = 0;
  #hasProgressed = false;
  /** Time without progress at the last tick, in ms. */
  #stalled = 0;

  /** @param slot where its statistics are, in memory that threads share; undefined: nowhere */
  constructor(readonly slot?: number) {}

  /** States and patches sent. */
  abstract get sent(): number;
  abstract get isBehind(): boolean;
  /** Whether the listener has not taken what was sent last. */
  abstract get isUnread(): boolean;
  /** Ends the stream. */
  abstract end(): void;

  /** Sends a keep-alive on a stream that has been idle. */
  keepAlive(): void {}

  /** Returns the number of states conflated since the last call. */
  protected takeConflated(): number {
    return 0;
  }

  /** Notes that bytes were sent, or taken by the listener. */
  progressed(bytes: number): void {
    this.#bytes += bytes;
    this.#hasProgressed = true;
  }

  /** Adds what was sent since the last call. */
  report(counts: DeliveryCounts): void {
    counts.deliveries += this.sent - this.#reported;
    counts.conflated += this.takeConflated();
    counts.bytes += this.#bytes;
    this.#reported = this.sent;
    this.#bytes = 0;
  }

  /**
   * Advances the stream's timers. Called about once a second, as reading the
   * clock for each frame costs too much.
   *
   * @param elapsed time since the last call, in ms
   * @param idle time without progress after which to send a keep-alive, in ms
   * @returns how long data has been unread, in ms
   */
  tick(elapsed: number, idle: number): number {
    this.#stalled = this.#hasProgressed ? 0 : this.#stalled + elapsed;
    this.#hasProgressed = false;
    if (this.isUnread) return this.#stalled;
    if (this.#stalled >= idle) this.keepAlive();
    return 0;
  }
}

/** Options of {@linkcode StreamRegistry}. */
export interface StreamRegistryOptions {
  readonly counters: Counters;
  /** Time without progress after which a stream sends a keep-alive, in ms; default 30 s. */
  readonly idle?: number;
  /** How long data may stay unread before the stream is ended, in ms. */
  readonly slowAfter: number;
}

/**
 * All streams of a thread: counts what they send, keeps idle ones alive, and
 * ends those whose listener is too slow.
 */
export class StreamRegistry {
  readonly counters: Counters;
  /** With the function to call when the stream is ended as too slow. */
  readonly #streams = new Map<RegisteredStream, () => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #counts: DeliveryCounts = { deliveries: 0, conflated: 0, bytes: 0 };
  #isClosed = false;

  constructor(
    { counters, idle = DEFAULT_IDLE, slowAfter }: StreamRegistryOptions,
  ) {
    this.counters = counters;
    let last = performance.now();
    this.#timer = setInterval(() => {
      const elapsed = performance.now() - last;
      last += elapsed;
      this.#tick(elapsed, idle, slowAfter);
    }, Math.min(1_000, idle, slowAfter));
  }

  /**
   * Tracks a stream until it is removed; ends it immediately after
   * {@linkcode close}.
   *
   * @param onSlow called when the stream is ended because its listener is too slow
   */
  add(stream: RegisteredStream, onSlow: () => void): void {
    this.#streams.set(stream, onSlow);
    if (this.#isClosed) stream.end();
  }

  /** Removes a stream that has ended. */
  remove(stream: RegisteredStream): void {
    stream.report(this.#counts);
    this.#streams.delete(stream);
  }

  #tick(elapsed: number, idle: number, slowAfter: number): void {
    for (const [stream, onSlow] of this.#streams) {
      stream.report(this.#counts);
      const { slot } = stream;
      if (slot !== undefined) this.counters.slots.record(slot, stream);
      if (stream.tick(elapsed, idle) < slowAfter) continue;
      stream.end();
      onSlow();
    }
    this.#publishCounts();
  }

  /** Adds the counts to those of all threads: once for all streams, as atomic operations cost more. */
  #publishCounts(): void {
    const counts = this.#counts;
    for (const name of ["deliveries", "conflated", "bytes"] as const) {
      if (counts[name] > 0) this.counters.add(name, counts[name]);
      counts[name] = 0;
    }
  }

  /** Ends all streams. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const stream of [...this.#streams.keys()]) stream.end();
  }
}
