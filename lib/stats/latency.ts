import { now } from "../time.ts";

/** Upper bounds of the buckets, in seconds; one more bucket is above the last bound. */
export const BUCKET_BOUNDS = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
] as const;

/** Number of cells: one for each bucket, and the sum in µs. */
export const LATENCY_CELLS = BUCKET_BOUNDS.length + 2;

/**
 * One frame of this many on a thread is measured, because reading the clock for
 * each costs too much. A prime: listeners are woken in turn, and another number
 * might always select the same ones.
 */
export const SAMPLE_RATE = 17;

/**
 * Time from reading a change from the store until a listener takes its frame,
 * as a histogram of all threads. A frame is taken when the runtime, or lainlet's
 * HTTP/2, takes it: waiting in the runtime or in the kernel is not included.
 */
export class DeliveryLatency {
  /** Number of frames until the next measured one; 1: the next frame is measured. */
  #untilSample = 1;

  /** @param cells {@linkcode LATENCY_CELLS} cells that the threads share */
  constructor(private readonly cells: BigInt64Array<SharedArrayBuffer>) {}

  /**
   * Counts a frame that a listener takes.
   *
   * @param readAt when the change was read from the store, see {@linkcode now}; undefined if the frame is not sent for a change
   */
  delivered(readAt: number | undefined): void {
    if (readAt === undefined || --this.#untilSample > 0) return;
    this.#untilSample = SAMPLE_RATE;
    this.observe(Math.max(0, now() - readAt) / 1000);
  }

  /** Adds a measured latency. @param seconds */
  observe(seconds: number): void {
    const found = BUCKET_BOUNDS.findIndex((bound) => seconds <= bound);
    const bucket = found < 0 ? BUCKET_BOUNDS.length : found;
    Atomics.add(this.cells, bucket, 1n);
    Atomics.add(
      this.cells,
      BUCKET_BOUNDS.length + 1,
      BigInt(Math.round(seconds * 1e6)),
    );
  }

  /** Number of measured frames in each bucket. */
  get counts(): readonly number[] {
    return Array.from(
      { length: BUCKET_BOUNDS.length + 1 },
      (_, bucket) => this.#get(bucket),
    );
  }

  /** Sum of all measured latencies, in seconds. */
  get sum(): number {
    return this.#get(BUCKET_BOUNDS.length + 1) / 1e6;
  }

  #get(cell: number): number {
    return Number(Atomics.load(this.cells, cell));
  }
}

/**
 * Estimates a quantile of latencies, in seconds, with linear interpolation within
 * a bucket as Prometheus does it. Returns 0 if there are none, and the last bound
 * for the bucket above it.
 *
 * @param q from 0 to 1
 * @param counts number of latencies in each bucket
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
export function quantile(q: number, counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  let rank = q * total;
  let below = 0;
  for (const [bucket, bound] of BUCKET_BOUNDS.entries()) {
    const count = counts[bucket] ?? 0;
    if (count > 0 && rank <= count) {
      return below + (bound - below) * rank / count;
    }
    rank -= count;
    below = bound;
  }
  return below;
}
