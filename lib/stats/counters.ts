import { now } from "../time.ts";
import { DeliveryLatency, LATENCY_CELLS } from "./latency.ts";

const NAMES = [
  "slow",
  "deliveries",
  "conflated",
  "bytes",
  "outOfDescriptors",
  "refusedConnections",
] as const;

export type CounterName = typeof NAMES[number] | "connections";

/** Maximum number of threads. */
export const MAX_THREADS = 64;

/** Size of all counters, in bytes; the slots of streams follow. */
const COUNTERS_SIZE = (NAMES.length + MAX_THREADS + LATENCY_CELLS) *
  BigInt64Array.BYTES_PER_ELEMENT;

/** Counters in memory that all threads share. */
export class Counters {
  readonly #counts: BigInt64Array<SharedArrayBuffer>;
  /** By thread, as those of a thread end when it dies. */
  readonly #connections: BigInt64Array<SharedArrayBuffer>;
  readonly latency: DeliveryLatency;
  readonly slots: StreamSlots;

  /** Allocates the counters of a process. @param slots maximum number of streams */
  static allocate(slots: number): Counters {
    return new Counters(
      new SharedArrayBuffer(COUNTERS_SIZE + StreamSlots.byteLength(slots)),
    );
  }

  /**
   * @param buffer that of another thread's counters, to share them
   * @param thread number of the current thread, from 0
   */
  constructor(
    readonly buffer = new SharedArrayBuffer(COUNTERS_SIZE),
    private readonly thread = 0,
  ) {
    const cells = new BigInt64Array(
      buffer,
      0,
      COUNTERS_SIZE / BigInt64Array.BYTES_PER_ELEMENT,
    );
    const latency = NAMES.length + MAX_THREADS;
    this.#counts = cells.subarray(0, NAMES.length);
    this.#connections = cells.subarray(NAMES.length, latency);
    this.latency = new DeliveryLatency(cells.subarray(latency));
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

  /** Streams that were ended because their client did not read. */
  get slow(): number {
    return this.#get("slow");
  }

  /** States and patches that were sent in streams. */
  get deliveries(): number {
    return this.#get("deliveries");
  }

  /** States that a slow listener was not sent, because a newer one superseded them. */
  get conflated(): number {
    return this.#get("conflated");
  }

  /** Bytes that were sent in streams. */
  get bytes(): number {
    return this.#get("bytes");
  }

  /** Seconds without a file descriptor for new connections. */
  get outOfDescriptors(): number {
    return this.#get("outOfDescriptors");
  }

  /** gRPC connections that were refused, and idle ones that were closed for others. */
  get refusedConnections(): number {
    return this.#get("refusedConnections");
  }

  add(name: CounterName, count: number): void {
    if (name === "connections") {
      Atomics.add(this.#connections, this.thread, BigInt(count));
    } else Atomics.add(this.#counts, NAMES.indexOf(name), BigInt(count));
  }

  /** Resets the open requests and streams of a thread that has died. */
  resetConnections(thread: number): void {
    Atomics.store(this.#connections, thread, 0n);
  }

  #get(name: typeof NAMES[number]): number {
    return Number(Atomics.load(this.#counts, NAMES.indexOf(name)));
  }
}

/** Numbers of each slot: sent frames, and since when the stream is behind, in seconds of {@linkcode now}; 0: it is not. */
const COLUMNS = 2;

/** Statistics of one stream. */
export interface StreamStats {
  /** Number of frames with a state or a patch that were sent. */
  readonly sent: number;
  /** Whether there is a newer state than the client has read. */
  readonly isBehind: boolean;
}

/**
 * Statistics of all open streams, a slot for each, in memory that all threads
 * share. The thread of a stream updates its slot about once a second.
 */
export class StreamSlots {
  /** Returns the size of a number of slots, in bytes. */
  static byteLength(slots: number): number {
    return slots * COLUMNS * Uint32Array.BYTES_PER_ELEMENT;
  }

  constructor(private readonly cells: Uint32Array<SharedArrayBuffer>) {}

  record(slot: number, { sent, isBehind }: StreamStats): void {
    this.cells[slot * COLUMNS] = sent;
    const behind = slot * COLUMNS + 1;
    if (!isBehind) this.cells[behind] = 0;
    else this.cells[behind] ||= Math.floor(now() / 1000);
  }

  /** Returns the number of frames with a state or a patch that were sent. */
  sent(slot: number): number {
    return this.cells[slot * COLUMNS] ?? 0;
  }

  /** Returns for how long a stream has been behind, in seconds; undefined if it was not behind at the last update. */
  behindFor(slot: number): number | undefined {
    const since = this.cells[slot * COLUMNS + 1] ?? 0;
    if (since === 0) return undefined;
    // The clocks of two threads differ a little.
    return Math.max(0, Math.floor(now() / 1000) - since);
  }

  /** Clears a slot for another stream. */
  clear(slot: number): void {
    this.cells.fill(0, slot * COLUMNS, (slot + 1) * COLUMNS);
  }
}

/** An open stream, or a GET that waits. */
export interface ListenerInfo {
  /** Address of the client. */
  readonly peer: string;
  /** Path of the endpoint, or of the gRPC method. */
  readonly endpoint: string;
  readonly protocol: "http" | "grpc";
  /** Parameters that the endpoint knows, URL-encoded. */
  readonly params: string;
  /** In seconds since 1970. */
  readonly since: number;
}

/** A request for a stream. */
export interface ListenerRequest {
  readonly peer: string;
  /** Path by which listeners are counted. */
  readonly endpoint: string;
  readonly protocol: ListenerInfo["protocol"];
  readonly params: URLSearchParams;
  /** Names of the parameters to show. */
  readonly names: Iterable<string>;
}

/** The slot of an open stream. */
export interface Slot {
  readonly number: number;
  /** Frees the slot; call it once. */
  release(): void;
}
