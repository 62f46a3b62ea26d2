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
export const CONNECTION_SIZE = 12 * 1024;

/** So much of each of its buffers is a part of that: one that is read goes on, whatever the others of its address take. */
const INCLUDED_BUFFER = 1024;

/** What a connection's buffer takes besides {@linkcode CONNECTION_SIZE}, in bytes. */
export function bufferCost(size: number): number {
  return Math.max(0, size - INCLUDED_BUFFER);
}

/** A body that is on its way, and to how many streams. */
interface BodyReferences {
  readonly body: Uint8Array;
  streams: number;
}

/** What an address has of that at present. */
export class Quota {
  readonly slice = new TimeSlice();
  #bytes = 0;
  #bodyBytes = 0;
  readonly #bodies = new Map<Uint8Array, BodyReferences>();
  /** The one that was looked at last. */
  #last?: BodyReferences;

  constructor(private readonly limits: QuotaLimits) {}

  /** Takes room for bytes. @returns false: there is none */
  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.limits.bytes) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Gives room back. */
  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Takes room for a body; the same one to many streams counts once. @returns false: there is none */
  reserveBody(body: Uint8Array): boolean {
    const use = this.#referencesOf(body);
    if (use.streams === 0) {
      const reservedBytes = this.#bodyBytes + body.length;
      if (reservedBytes > this.limits.bodies && this.#bodies.size > 0) {
        return false;
      }
      this.#bodyBytes = reservedBytes;
      this.#bodies.set(body, use);
    }
    use.streams++;
    return true;
  }

  releaseBody(body: Uint8Array): void {
    const use = this.#referencesOf(body);
    if (--use.streams > 0) return;
    this.#bodies.delete(body);
    this.#bodyBytes -= body.length;
    this.#last = undefined;
  }

  #referencesOf(body: Uint8Array): BodyReferences {
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
