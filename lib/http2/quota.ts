import { TimeSlice } from "../time_slice.ts";

/** What one address may have of a server, with all its connections. */
export interface QuotaLimits {
  readonly connections: number;
  /** What is kept of it: connections, streams, requests that are not whole, frames that it does not read; in bytes. */
  readonly bytes: number;
  /** Different bodies that are on their way to it, in bytes; a single one may be longer. */
  readonly bodies: number;
}

/** Memory that a connection takes, in bytes. */
export const CONNECTION_COST = 12 * 1024;

/** So much of each of its buffers is a part of that: one that is read goes on, whatever the others of its address take. */
const INCLUDED = 1024;

/** What a connection's buffer takes besides {@linkcode CONNECTION_COST}, in bytes. */
export function costOf(size: number): number {
  return Math.max(0, size - INCLUDED);
}

/** A body that is on its way, and to how many streams. */
interface BodyUse {
  readonly body: Uint8Array;
  streams: number;
}

/** What an address has of that at present. */
export class Quota {
  readonly slice = new TimeSlice();
  #bytes = 0;
  #bodyBytes = 0;
  readonly #bodies = new Map<Uint8Array, BodyUse>();
  /** The one that was looked at last. */
  #last?: BodyUse;

  constructor(private readonly limits: QuotaLimits) {}

  /** Takes room for bytes. @returns false: there is none */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.limits.bytes) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Gives room back. */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Takes room for a body; the same one to many streams counts once. @returns false: there is none */
  takeBody(body: Uint8Array): boolean {
    const use = this.#useOf(body);
    if (use.streams === 0) {
      const size = this.#bodyBytes + body.length;
      if (size > this.limits.bodies && this.#bodies.size > 0) return false;
      this.#bodyBytes = size;
      this.#bodies.set(body, use);
    }
    use.streams++;
    return true;
  }

  giveBody(body: Uint8Array): void {
    const use = this.#useOf(body);
    if (--use.streams > 0) return;
    this.#bodies.delete(body);
    this.#bodyBytes -= body.length;
    this.#last = undefined;
  }

  #useOf(body: Uint8Array): BodyUse {
    if (this.#last?.body === body) return this.#last;
    const use = this.#bodies.get(body) ?? { body, streams: 0 };
    // A state goes to many streams at a time.
    if (use.streams > 0) this.#last = use;
    return use;
  }

  /** All that it takes at present, in bytes. */
  get size(): number {
    return this.#bytes + this.#bodyBytes;
  }
}
