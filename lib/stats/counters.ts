import { DELAY_NUMBERS, Delays } from "./latency.ts";
import { now } from "../time.ts";

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

/** How many numbers there are of each place: frames, and since when it is behind. */
const NUMBERS = 2;

/** What a stream tells of itself. */
export interface StreamStats {
  /** Frames with a state or a patch that were sent. */
  readonly sent: number;
  /** Whether there is a newer state than its reader has taken. */
  readonly isBehind: boolean;
}

/**
 * What the threads note of each live stream, now and then: in memory that they
 * share, so that nobody has to be asked.
 */
export class Places {
  /** How many bytes so many places take. */
  static bytes(places: number): number {
    return places * NUMBERS * Uint32Array.BYTES_PER_ELEMENT;
  }

  constructor(private readonly notes: Uint32Array<SharedArrayBuffer>) {}

  /** Notes how a stream stands; for the thread that serves it. */
  note(place: number, { sent, isBehind }: StreamStats): void {
    this.notes[place * NUMBERS] = sent;
    const at = place * NUMBERS + 1;
    if (!isBehind) this.notes[at] = 0;
    else this.notes[at] ||= Math.floor(now() / 1000);
  }

  /** Frames that were sent. */
  sent(place: number): number {
    return this.notes[place * NUMBERS] ?? 0;
  }

  /** Since when a stream is behind whenever it is looked at, in seconds since 1970; 0: it is not. */
  behindSince(place: number): number {
    return this.notes[place * NUMBERS + 1] ?? 0;
  }

  /** Lets another one have a place. */
  clear(place: number): void {
    this.notes.fill(0, place * NUMBERS, (place + 1) * NUMBERS);
  }
}

/** A live stream. */
export interface Listening {
  /** The address of who listens. */
  readonly peer: string;
  /** Its path. */
  readonly endpoint: string;
  readonly protocol: "http" | "grpc";
  /** Those that the endpoint knows, as in a URL. */
  readonly params: string;
  /** In seconds since 1970. */
  readonly since: number;
}

/** How a stream is asked for. */
export interface Asked {
  readonly peer: string;
  /** Its path, by which streams are counted. */
  readonly endpoint: string;
  readonly protocol: Listening["protocol"];
  /** What is told of the parameters: those with these names. */
  readonly params: URLSearchParams;
  readonly names: Iterable<string>;
}

/** A stream's place among the others. */
export interface Place {
  readonly number: number;
  giveBack(): void;
}
