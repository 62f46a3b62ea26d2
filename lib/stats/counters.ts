import { DeliveryLatency, LATENCY_CELLS } from "./latency.ts";
import { now } from "../time.ts";

const NAMES = [
  "slow",
  "deliveries",
  "conflated",
  "bytes",
  "outOfDescriptors",
] as const;

/** What is counted. */
export type CounterName = typeof NAMES[number] | "connections";

/** As many threads there may be. */
export const MAX_THREADS = 64;

/** Where the places begin, in bytes. */
const COUNTERS_SIZE = (NAMES.length + MAX_THREADS + LATENCY_CELLS) *
  BigInt64Array.BYTES_PER_ELEMENT;

/** What all threads count together. */
export class Counters {
  readonly #counts: BigInt64Array<SharedArrayBuffer>;
  /** Open requests and streams, by thread: what one has is over when it dies. */
  readonly #connections: BigInt64Array<SharedArrayBuffer>;
  /** How long deliveries took. */
  readonly latency: DeliveryLatency;
  /** How streams stand. */
  readonly slots: StreamSlots;

  /** @param places as many streams there may be at a time */
  static allocate(places: number): Counters {
    return new Counters(
      new SharedArrayBuffer(COUNTERS_SIZE + StreamSlots.byteLength(places)),
    );
  }

  /**
   * @param buffer of another thread's counters, to count in these
   * @param thread which one counts, from 0
   */
  constructor(
    readonly buffer = new SharedArrayBuffer(COUNTERS_SIZE),
    private readonly thread = 0,
  ) {
    const all = new BigInt64Array(
      buffer,
      0,
      COUNTERS_SIZE / BigInt64Array.BYTES_PER_ELEMENT,
    );
    const delays = NAMES.length + MAX_THREADS;
    this.#counts = all.subarray(0, NAMES.length);
    this.#connections = all.subarray(NAMES.length, delays);
    this.latency = new DeliveryLatency(all.subarray(delays));
    this.slots = new StreamSlots(new Uint32Array(buffer, COUNTERS_SIZE));
  }

  /** Open requests and streams. */
  get connections(): number {
    let sum = 0;
    for (let i = 0; i < MAX_THREADS; i++) {
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
  get outOfDescriptors(): number {
    return this.#get("outOfDescriptors");
  }

  add(name: CounterName, by: number): void {
    if (name === "connections") {
      Atomics.add(this.#connections, this.thread, BigInt(by));
    } else Atomics.add(this.#counts, NAMES.indexOf(name), BigInt(by));
  }

  /** Forgets the open requests and streams of a thread that has died. */
  resetConnections(thread: number): void {
    Atomics.store(this.#connections, thread, 0n);
  }

  #get(name: typeof NAMES[number]): number {
    return Number(Atomics.load(this.#counts, NAMES.indexOf(name)));
  }
}

/** How many numbers there are of each place: frames, and since when it is behind. */
const COLUMNS = 2;

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
export class StreamSlots {
  /** How many bytes so many places take. */
  static byteLength(places: number): number {
    return places * COLUMNS * Uint32Array.BYTES_PER_ELEMENT;
  }

  constructor(private readonly cells: Uint32Array<SharedArrayBuffer>) {}

  /** Notes how a stream stands; for the thread that serves it. */
  record(place: number, { sent, isBehind }: StreamStats): void {
    this.cells[place * COLUMNS] = sent;
    const at = place * COLUMNS + 1;
    if (!isBehind) this.cells[at] = 0;
    else this.cells[at] ||= Math.floor(now() / 1000);
  }

  /** Frames that were sent. */
  sent(place: number): number {
    return this.cells[place * COLUMNS] ?? 0;
  }

  /** Since when a stream is behind whenever it is looked at, in seconds since 1970; 0: it is not. */
  behindSince(place: number): number {
    return this.cells[place * COLUMNS + 1] ?? 0;
  }

  /** Lets another one have a place. */
  clear(place: number): void {
    this.cells.fill(0, place * COLUMNS, (place + 1) * COLUMNS);
  }
}

/** A live stream. */
export interface ListenerInfo {
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
export interface ListenerRequest {
  readonly peer: string;
  /** Its path, by which streams are counted. */
  readonly endpoint: string;
  readonly protocol: ListenerInfo["protocol"];
  /** What is told of the parameters: those with these names. */
  readonly params: URLSearchParams;
  readonly names: Iterable<string>;
}

/** A stream's place among the others. */
export interface Slot {
  readonly number: number;
  release(): void;
}
