import { Turn } from "./turn.ts";

/** What one address may have of a server, with all its connections. */
export interface QuotaLimits {
  readonly connections: number;
  /** What is kept of it: connections, streams, requests that are not whole, frames that it does not read; in bytes. */
  readonly bytes: number;
  /** Different bodies that are on their way to it, in bytes; a single one may be longer. */
  readonly bodies: number;
}

/** What an address has of that at present. */
export class Quota {
  readonly turn = new Turn();
  #bytes = 0;
  #bodyBytes = 0;
  /** Those on their way, and to how many streams. */
  readonly #bodies = new Map<Uint8Array, number>();

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
    const users = this.#bodies.get(body) ?? 0;
    if (users === 0) {
      const size = this.#bodyBytes + body.length;
      if (size > this.limits.bodies && this.#bodies.size > 0) return false;
      this.#bodyBytes = size;
    }
    this.#bodies.set(body, users + 1);
    return true;
  }

  giveBody(body: Uint8Array): void {
    const users = this.#bodies.get(body) ?? 0;
    if (users > 1) {
      this.#bodies.set(body, users - 1);
      return;
    }
    this.#bodies.delete(body);
    this.#bodyBytes -= body.length;
  }

  /** All that it takes at present, in bytes. */
  get size(): number {
    return this.#bytes + this.#bodyBytes;
  }
}
