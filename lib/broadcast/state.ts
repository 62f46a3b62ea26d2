import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { eTag } from "@std/http/etag";
import { escapeLineEnds } from "../json.ts";

const encoder = new TextEncoder();
const gzipped = promisify(gzip);

/** One answer, encoded once for everybody who gets it. */
export class State {
  /** The JSON text and the blank line that ends a frame. */
  readonly #tail: Uint8Array<ArrayBuffer>;
  #etag?: Promise<string>;
  #gzip?: Promise<Uint8Array<ArrayBuffer>>;
  #head = "";
  #frame: readonly Uint8Array[] = [];

  constructor(json: string) {
    this.#tail = encoder.encode(`${escapeLineEnds(json)}\n\n`);
  }

  /** The JSON text as UTF-8. */
  get body(): Uint8Array<ArrayBuffer> {
    return this.#tail.subarray(0, -2);
  }

  /** A strong entity tag (RFC 9110, 8.8.3). */
  get etag(): Promise<string> {
    return this.#etag ??= eTag(this.body);
  }

  /** The body, compressed. */
  get gzip(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#gzip ??= gzipped(this.body).then((bytes) =>
      new Uint8Array(bytes)
    );
  }

  equals(other: State): boolean {
    return Buffer.compare(this.#tail, other.#tail) === 0;
  }

  /**
   * The frame that carries this state, in chunks; the same bytes for
   * everybody who asks for the same id and event.
   */
  frame(id: number, event: string): readonly Uint8Array[] {
    const head = `id: ${id}\nevent: ${event}\ndata: `;
    if (head !== this.#head) {
      this.#head = head;
      this.#frame = this.#tail.length > SMALL
        ? [encoder.encode(head), this.#tail]
        : [concat(encoder.encode(head), this.#tail)];
    }
    return this.#frame;
  }
}

/** Up to this many bytes a copy is cheaper than a second write. */
const SMALL = 16 * 1024;

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
