import type { Counters } from "../stats/counters.ts";
import { Branch, type BranchOptions } from "./branch.ts";
import type { DeliveryCounts, RegisteredStream } from "./carrier.ts";

/** A stream that carries nothing for so long gets a comment, in ms. */
const IDLE = 30_000;

/** When streams are looked after. */
export interface StreamRegistryOptions {
  /** Where what was sent is counted, now and then. */
  readonly counters: Counters;
  /** How long a stream may carry nothing, in ms; default 30 s. */
  readonly idle?: number;
  /** How long a reader may leave alone what is there for it, in ms. */
  readonly slowAfter: number;
}

/** All streams of a thread. */
export class StreamRegistry {
  readonly #counters: Counters;
  /** With what is to be done when the reader is too slow. */
  readonly #branches = new Map<RegisteredStream, () => void>();
  readonly #sweep: ReturnType<typeof setInterval>;
  readonly #sent: DeliveryCounts = { deliveries: 0, conflated: 0, bytes: 0 };
  #isClosed = false;

  constructor({ counters, idle = IDLE, slowAfter }: StreamRegistryOptions) {
    this.#counters = counters;
    let last = performance.now();
    this.#sweep = setInterval(() => {
      const elapsed = performance.now() - last;
      last += elapsed;
      for (const [branch, onSlow] of this.#branches) {
        branch.report(this.#sent);
        const { slot: place } = branch;
        if (place !== undefined) this.#counters.places.note(place, branch);
        if (branch.tick(elapsed, idle) < slowAfter) continue;
        branch.end();
        onSlow();
      }
      this.#count();
    }, Math.min(1_000, idle, slowAfter));
  }

  /**
   * A new event stream, which carries nothing until it is attached to a topic;
   * one that has ended after {@linkcode close}.
   *
   * @param onSlow called when the stream ends because its reader took nothing
   */
  open(options: BranchOptions, onSlow: () => void): Branch {
    const { delays } = this.#counters;
    const branch = new Branch(options, delays, () => this.remove(branch));
    this.add(branch, onSlow);
    return branch;
  }

  /** Looks after a stream until it is removed. @param onSlow as in {@linkcode open} */
  add(carrier: RegisteredStream, onSlow: () => void): void {
    this.#branches.set(carrier, onSlow);
    if (this.#isClosed) carrier.end();
  }

  /** To be called when a stream is over. */
  remove(carrier: RegisteredStream): void {
    carrier.report(this.#sent);
    this.#branches.delete(carrier);
  }

  /** Tells the other threads: once for all streams, as that is dear. */
  #count(): void {
    const sent = this.#sent;
    for (const name of ["deliveries", "conflated", "bytes"] as const) {
      if (sent[name] > 0) this.#counters.add(name, sent[name]);
      sent[name] = 0;
    }
  }

  /** Ends all streams. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#sweep);
    for (const branch of [...this.#branches.keys()]) branch.end();
  }
}
