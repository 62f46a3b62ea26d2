/** How long the requests of one address may use the thread before other addresses get a turn, in ms. */
const SLICE = 5;

/** The same for HTTP responses and for sending, in ms. The event loop usually runs between those anyway, and each pause costs time. */
const LONG_SLICE = 4 * SLICE;

/**
 * The shortest pause of an address, in ms. It is a timer, so that the event loop
 * can become idle: while tasks are queued, the runtime (tokio) polls sockets only
 * once in 61 rounds, so `setImmediate` is not enough.
 */
const PAUSE = 1;

/** Maximum number of remembered addresses; beyond it all are dropped, and active ones soon get a time slice again. */
const MAX_ADDRESSES = 1_000;

/** Time slices by address. */
export class TimeSlices {
  readonly #slices = new Map<string, TimeSlice>();

  of(address: string): TimeSlice {
    const known = this.#slices.get(address);
    if (known !== undefined) return known;
    if (this.#slices.size >= MAX_ADDRESSES) this.#slices.clear();
    const slice = new TimeSlice();
    this.#slices.set(address, slice);
    return slice;
  }
}

/**
 * Limits how long the requests of one address use the thread before the event
 * loop runs. While there is always more to read, or room to write, promises
 * alone never let it run. Waiters for the next time slice resume in order.
 */
export class TimeSlice {
  readonly #waiting: (() => void)[] = [];
  #spent = 0;

  /** Adds used time. @param time in ms */
  spend(time: number): void {
    this.#spent += time;
  }

  /** Whether to await {@linkcode next} before reading more: the time is used up, or something is waiting. */
  get isOver(): boolean {
    return this.#spent >= SLICE || this.#waiting.length > 0;
  }

  /** Whether to await {@linkcode next} before responding or sending more. */
  get isLongSliceOver(): boolean {
    return this.#spent >= LONG_SLICE;
  }

  /** Resolves when the event loop has run and earlier waiters have resumed. Await it immediately. */
  next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#waiting.push(resolve) === 1) setTimeout(this.#serve, PAUSE);
    return promise;
  }

  readonly #serve = async (): Promise<void> => {
    this.#spent = 0;
    // The first stays in the queue while it runs, so that new waiters queue behind it.
    while (this.#spent < SLICE && this.#waiting.length > 0) {
      this.#waiting[0]?.();
      // It runs up to its next await before this loop continues.
      await undefined;
      this.#waiting.shift();
    }
    if (this.#waiting.length > 0) setTimeout(this.#serve, PAUSE);
  };
}
