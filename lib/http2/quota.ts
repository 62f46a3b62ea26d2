import { TimeSlice } from "../time_slice.ts";

/** Limits of one address, for all its connections together. */
export interface QuotaLimits {
  readonly connections: number;
  /** Memory of connections, streams, incomplete requests and unread frames, in bytes. */
  readonly bytes: number;
  /** Total size of the different response bodies that are being sent, in bytes; a single body may be larger. */
  readonly bodies: number;
}

/** Memory of a connection, in bytes. */
export const CONNECTION_SIZE = 12 * 1024;

/**
 * The part of each buffer that {@linkcode CONNECTION_SIZE} includes, in bytes. So
 * a connection whose peer reads keeps working, even if other connections of the
 * address have used up the quota.
 */
const INCLUDED_BUFFER = 1024;

/** Returns the memory of a buffer beyond what {@linkcode CONNECTION_SIZE} includes, in bytes. */
export function bufferCost(size: number): number {
  return Math.max(0, size - INCLUDED_BUFFER);
}

/** A body that is being sent, and to how many streams. */
interface BodyReferences {
  readonly body: Uint8Array;
  streams: number;
}

/** What one address uses of its limits, and its time slice. */
export class Quota {
  readonly slice = new TimeSlice();
  #bytes = 0;
  #bodyBytes = 0;
  readonly #bodies = new Map<Uint8Array, BodyReferences>();
  /** The last one looked up: a state is sent to many streams in a row. */
  #last?: BodyReferences;

  constructor(private readonly limits: QuotaLimits) {}

  /** Reserves memory. @returns false if that exceeds the limit */
  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.limits.bytes) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Reserves memory for a body; one that goes to many streams counts once. @returns false if that exceeds the limit */
  reserveBody(body: Uint8Array): boolean {
    const references = this.#referencesOf(body);
    if (references.streams === 0) {
      const bodyBytes = this.#bodyBytes + body.length;
      if (bodyBytes > this.limits.bodies && this.#bodies.size > 0) return false;
      this.#bodyBytes = bodyBytes;
      this.#bodies.set(body, references);
    }
    references.streams++;
    return true;
  }

  releaseBody(body: Uint8Array): void {
    const references = this.#referencesOf(body);
    if (--references.streams > 0) return;
    this.#bodies.delete(body);
    this.#bodyBytes -= body.length;
    this.#last = undefined;
  }

  #referencesOf(body: Uint8Array): BodyReferences {
    if (this.#last?.body === body) return this.#last;
    const references = this.#bodies.get(body) ?? { body, streams: 0 };
    if (references.streams > 0) this.#last = references;
    return references;
  }

  /** All reserved memory, in bytes. */
  get reservedBytes(): number {
    return this.#bytes + this.#bodyBytes;
  }
}
