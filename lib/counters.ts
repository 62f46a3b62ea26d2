const NAMES = ["connections", "slow"] as const;

/** What all threads count together. */
export class Counters {
  readonly #counts: Int32Array<SharedArrayBuffer>;

  /** @param buffer of another thread's counters, to count in these */
  constructor(
    readonly buffer = new SharedArrayBuffer(
      NAMES.length * Int32Array.BYTES_PER_ELEMENT,
    ),
  ) {
    this.#counts = new Int32Array(buffer);
  }

  /** Open requests and streams. */
  get connections(): number {
    return this.#get("connections");
  }

  /** Streams that were broken off because their reader took nothing. */
  get slow(): number {
    return this.#get("slow");
  }

  add(name: typeof NAMES[number], by: number): void {
    Atomics.add(this.#counts, NAMES.indexOf(name), by);
  }

  #get(name: typeof NAMES[number]): number {
    return Atomics.load(this.#counts, NAMES.indexOf(name));
  }
}
