import { Buffer } from "node:buffer";
import { ConnectionError, ERROR } from "./errors.ts";
import { FLAG, type Frame, FRAME_HEAD, unpadded } from "./frame.ts";
import { type Header, HpackDecoder } from "./hpack.ts";

/** The most of headers that a request may have, in bytes. */
export const MAX_HEADERS = 32 * 1024;

/** All headers of a request, or its trailers. */
export interface HeaderBlock {
  readonly stream: number;
  /** Nothing of the request follows. */
  readonly isEnd: boolean;
  readonly headers: readonly Header[];
}

/** One that goes on. */
interface Begun {
  readonly stream: number;
  readonly isEnd: boolean;
  readonly parts: Uint8Array[];
  size: number;
}

/**
 * Puts header blocks together from the frames that carry them, which follow
 * each other on a connection, with nothing between those of one block.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-4.3
 */
export class HeaderBlocks {
  readonly #hpack = new HpackDecoder();
  #begun?: Begun;

  /** Whether the rest of a block has to come next. */
  get isOpen(): boolean {
    return this.#begun !== undefined;
  }

  /**
   * Takes a HEADERS frame, or a CONTINUATION.
   *
   * @returns the block that it ends
   * @throws {ConnectionError} when it is of no request, or there are too many headers
   * @throws {HpackError} when they cannot be read
   */
  take(frame: Frame, isFirst: boolean): HeaderBlock | undefined {
    if (isFirst) return this.#begin(frame);
    const begun = this.#begun;
    if (begun === undefined || begun.stream !== frame.stream) {
      throw new ConnectionError(ERROR.protocol, "a header block is broken off");
    }
    return this.#add(begun, frame.payload, frame);
  }

  #begin(frame: Frame): HeaderBlock | undefined {
    let part = unpadded(frame);
    if (frame.flags & FLAG.priority) part = part.subarray(5);
    if (frame.stream % 2 === 0) {
      throw new ConnectionError(ERROR.protocol, "headers of no stream");
    }
    this.#begun = {
      stream: frame.stream,
      isEnd: (frame.flags & FLAG.endStream) !== 0,
      parts: [],
      size: 0,
    };
    return this.#add(this.#begun, part, frame);
  }

  #add(
    begun: Begun,
    part: Uint8Array,
    { flags }: Frame,
  ): HeaderBlock | undefined {
    // An empty one costs something, too.
    begun.size += part.length + FRAME_HEAD;
    if (begun.size > MAX_HEADERS) {
      throw new ConnectionError(ERROR.enhanceYourCalm, "too many headers");
    }
    begun.parts.push(part.slice());
    if ((flags & FLAG.endHeaders) === 0) return undefined;
    this.#begun = undefined;
    const { stream, isEnd, parts } = begun;
    const headers = this.#hpack.decode(Buffer.concat(parts), MAX_HEADERS);
    return { stream, isEnd, headers };
  }
}
