/** How long an address may keep the thread busy before others get it, in ms. */
const LENGTH = 5;

/** The same for answers, and for what is sent, where the runtime goes round by itself for the most part: each pause costs something. */
const LONG = 4 * LENGTH;

/**
 * For how long they get it at least, in ms. It must be time in which there may
 * be nothing to do: as long as there is, the runtime (tokio) looks for new
 * data on sockets only once in 61 rounds, so `setImmediate` is not enough.
 */
const PAUSE = 1;

/** How many addresses have a time slice of their own: those that come often soon have one again. */
const ADDRESSES = 1_000;

/** The time slices of addresses. */
export class TimeSlices {
  readonly #slices = new Map<string, TimeSlice>();

  of(address: string): TimeSlice {
    const known = this.#slices.get(address);
    if (known !== undefined) return known;
    if (this.#slices.size >= ADDRESSES) this.#slices.clear();
    const slice = new TimeSlice();
    this.#slices.set(address, slice);
    return slice;
  }
}

/**
 * The time that one address has of the thread, with all that it asks, before
 * the event loop serves what else there is: where there is always more to
 * read, or room to write, promises alone never let it. What waits goes on in
 * the order in which it came.
 */
export class TimeSlice {
  readonly #waiting: (() => void)[] = [];
  #spent = 0;

  /** Notes work. @param time that it took, in ms */
  spend(time: number): void {
    this.#spent += time;
  }

  /** Whether the next one is to be waited for in order to read more: the time is used up, or others wait. */
  get isOver(): boolean {
    return this.#spent >= LENGTH || this.#waiting.length > 0;
  }

  /** Whether the next one is to be waited for in order to answer or send more. */
  get isLong(): boolean {
    return this.#spent >= LONG;
  }

  /** Resolves when the event loop has gone round, and those that waited before have had their time; to be awaited at once. */
  next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#waiting.push(resolve) === 1) setTimeout(this.#serve, PAUSE);
    return promise;
  }

  readonly #serve = async (): Promise<void> => {
    this.#spent = 0;
    // The first stays in its place until all are served: who comes waits, too.
    while (this.#spent < LENGTH && this.#waiting.length > 0) {
      this.#waiting[0]?.();
      // What it does until it waits for something comes before this goes on.
      await undefined;
      this.#waiting.shift();
    }
    if (this.#waiting.length > 0) setTimeout(this.#serve, PAUSE);
  };
}
