import { DELAY_NUMBERS, Delays } from "./latency.ts";
import { Places } from "./places.ts";

const NAMES = [
  "slow",
  "deliveries",
  "conflated",
  "bytes",
  "starved",
] as const;

/** What is counted. */
export type CounterName = typeof NAMES[number] | "connections";

/** As many threads there may be. */
export const MOST_THREADS = 64;

/** Where the places begin, in bytes. */
const COUNTED = (NAMES.length + MOST_THREADS + DELAY_NUMBERS) *
  BigInt64Array.BYTES_PER_ELEMENT;

/** What all threads count together. */
export class Counters {
  readonly #counts: BigInt64Array<SharedArrayBuffer>;
  /** Open requests and streams, by thread: what one has is over when it dies. */
  readonly #connections: BigInt64Array<SharedArrayBuffer>;
  /** How long deliveries took. */
  readonly delays: Delays;
  /** How streams stand. */
  readonly places: Places;

  /** @param places as many streams there may be at a time */
  static of(places: number): Counters {
    return new Counters(new SharedArrayBuffer(COUNTED + Places.bytes(places)));
  }

  /**
   * @param buffer of another thread's counters, to count in these
   * @param thread which one counts, from 0
   */
  constructor(
    readonly buffer = new SharedArrayBuffer(COUNTED),
    private readonly thread = 0,
  ) {
    const all = new BigInt64Array(
      buffer,
      0,
      COUNTED / BigInt64Array.BYTES_PER_ELEMENT,
    );
    const delays = NAMES.length + MOST_THREADS;
    this.#counts = all.subarray(0, NAMES.length);
    this.#connections = all.subarray(NAMES.length, delays);
    this.delays = new Delays(all.subarray(delays));
    this.places = new Places(new Uint32Array(buffer, COUNTED));
  }

  /** Open requests and streams. */
  get connections(): number {
    let sum = 0;
    for (let i = 0; i < MOST_THREADS; i++) {
      sum += Number(Atomics.load(this.#connections, i));
    }
    return sum;
  }

  /** Streams that were broken off because their reader took nothing. */
  get slow(): number {
    return this.#get("slow");
  }

  /** States and patches that were sent in streams. */
  get deliveries(): number {
    return this.#get("deliveries");
  }

  /** States that were not sent to a listener, as it was slow and there was a newer one. */
  get conflated(): number {
    return this.#get("conflated");
  }

  /** Bytes that were sent in streams. */
  get bytes(): number {
    return this.#get("bytes");
  }

  /** Seconds in which there were no file descriptors for new connections. */
  get starved(): number {
    return this.#get("starved");
  }

  add(name: CounterName, by: number): void {
    if (name === "connections") {
      Atomics.add(this.#connections, this.thread, BigInt(by));
    } else Atomics.add(this.#counts, NAMES.indexOf(name), BigInt(by));
  }

  /** Forgets the open requests and streams of a thread that has died. */
  forget(thread: number): void {
    Atomics.store(this.#connections, thread, 0n);
  }

  #get(name: typeof NAMES[number]): number {
    return Number(Atomics.load(this.#counts, NAMES.indexOf(name)));
  }
}
