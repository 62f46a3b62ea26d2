import { DELAY_NUMBERS, Delays } from "./delays.ts";
import { Places } from "./places.ts";

const NAMES = [
  "connections",
  "slow",
  "deliveries",
  "conflated",
  "bytes",
  "starved",
] as const;

/** What is counted. */
export type CounterName = typeof NAMES[number];

/** Where the places begin, in bytes. */
const COUNTED = (NAMES.length + DELAY_NUMBERS) *
  BigInt64Array.BYTES_PER_ELEMENT;

/** What all threads count together. */
export class Counters {
  readonly #counts: BigInt64Array<SharedArrayBuffer>;
  /** How long deliveries took. */
  readonly delays: Delays;
  /** How streams stand. */
  readonly places: Places;

  /** @param places as many streams there may be at a time */
  static of(places: number): Counters {
    return new Counters(new SharedArrayBuffer(COUNTED + Places.bytes(places)));
  }

  /** @param buffer of another thread's counters, to count in these */
  constructor(readonly buffer = new SharedArrayBuffer(COUNTED)) {
    this.#counts = new BigInt64Array(buffer, 0, NAMES.length + DELAY_NUMBERS);
    this.delays = new Delays(this.#counts.subarray(NAMES.length));
    this.places = new Places(new Uint32Array(buffer, COUNTED));
  }

  /** Open requests and streams. */
  get connections(): number {
    return this.#get("connections");
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
    Atomics.add(this.#counts, NAMES.indexOf(name), BigInt(by));
  }

  #get(name: CounterName): number {
    return Number(Atomics.load(this.#counts, NAMES.indexOf(name)));
  }
}
