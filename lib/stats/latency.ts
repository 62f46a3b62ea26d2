import { now } from "../time.ts";

/** Upper bounds of the buckets, in seconds; above the last one there is another bucket. */
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

/** How many numbers are kept: one for each bucket, and the sum, in µs. */
export const LATENCY_CELLS = BUCKET_BOUNDS.length + 2;

/**
 * Of so many frames of a thread one is looked at: a clock is too dear for each.
 * Odd, and prime, as listeners are woken in turn: else it might always be the
 * same ones of them that are looked at.
 */
export const SAMPLE_RATE = 17;

/**
 * How long what was read from the store took to be taken by listeners, of all
 * threads together. A listener has taken a frame when the runtime has, or
 * lainlet's HTTP/2: what waits in the runtime or in the system is not seen.
 */
export class DeliveryLatency {
  /** How many frames of this thread pass until one is looked at: the first one is. */
  #untilSample = 1;

  /** @param cells as many as {@linkcode LATENCY_CELLS}, which the threads share */
  constructor(private readonly cells: BigInt64Array<SharedArrayBuffer>) {}

  /**
   * Notes that a listener takes a frame.
   *
   * @param readAt when what changed was read from the store, see {@linkcode now}; undefined when that is not what the frame is for
   */
  delivered(readAt: number | undefined): void {
    if (readAt === undefined || --this.#untilSample > 0) return;
    this.#untilSample = SAMPLE_RATE;
    this.observe(Math.max(0, now() - readAt) / 1000);
  }

  /** @param delay in seconds */
  observe(delay: number): void {
    const found = BUCKET_BOUNDS.findIndex((bound) => delay <= bound);
    const bucket = found < 0 ? BUCKET_BOUNDS.length : found;
    Atomics.add(this.cells, bucket, 1n);
    Atomics.add(
      this.cells,
      BUCKET_BOUNDS.length + 1,
      BigInt(Math.round(delay * 1e6)),
    );
  }

  /** How many there were in each bucket. */
  get counts(): readonly number[] {
    return Array.from(
      { length: BUCKET_BOUNDS.length + 1 },
      (_, bucket) => this.#get(bucket),
    );
  }

  /** Of all that were looked at, in seconds. */
  get sum(): number {
    return this.#get(BUCKET_BOUNDS.length + 1) / 1e6;
  }

  #get(place: number): number {
    return Number(Atomics.load(this.cells, place));
  }
}

/**
 * What a part of the delays is not above, in seconds: 0 when there are none,
 * and the last bound when it is above that. Within a bucket they are taken to
 * lie evenly, as by Prometheus.
 *
 * @param part from 0 to 1
 * @param counts how many there were in each bucket
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
export function quantile(part: number, counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  let rank = part * total;
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
