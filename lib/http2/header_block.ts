import {
  ConnectionError,
  ERROR,
  FLAG,
  type Frame,
  FRAME_HEADER_SIZE,
  MAX_PAYLOAD,
  MAX_WINDOW,
  sizeWithFrameHeaders,
  TYPE,
  uint32At,
  withoutPadding,
  writeFrameHeader,
} from "./frame.ts";
import { type Header, HpackDecoder } from "./hpack.ts";

/** The most of headers that a request may have, in bytes: RFC 9113, 6.5.2. */
export const MAX_HEADER_LIST_SIZE = 32 * 1024;

/**
 * The largest header block that is decoded, in bytes. Up to this one, too many
 * headers end their stream only; beyond it, the connection.
 */
const MAX_HEADER_BLOCK = 4 * MAX_HEADER_LIST_SIZE;

/** How long a priority is, in bytes: RFC 9113, 6.2 and 6.3. */
export const PRIORITY_SIZE = 5;

/** What the frames of a block say besides headers. */
interface BlockInfo {
  readonly stream: number;
  /** Nothing of the request follows. */
  readonly isEnd: boolean;
  /** Its priority depends on itself, which RFC 7540, 5.3.1 forbids. */
  readonly dependsOnItself: boolean;
}

/** All headers of a request, or its trailers. */
export interface HeaderBlock extends BlockInfo {
  /** Undefined: more than {@linkcode MAX_HEADER_LIST_SIZE}. */
  readonly headers?: readonly Header[];
}

/**
 * Puts header blocks together from the frames that carry them, which follow
 * each other on a connection, with nothing between those of one block.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-4.3
 */
export class HeaderBlockReader {
  readonly #hpack = new HpackDecoder();
  /** The block that goes on in the next frame. */
  #open?: BlockInfo;
  /** What came of it: the first bytes of the buffer. */
  #buffer = new Uint8Array(0);
  #length = 0;
  /** With the heads of the frames, as an empty frame costs something, too. */
  #cost = 0;

  /** Whether the rest of a block has to come next. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Memory that a block takes that is not whole yet, in bytes. */
  get heldBytes(): number {
    return this.#buffer.length;
  }

  /**
   * Takes a HEADERS frame, or a CONTINUATION.
   *
   * @returns the block that it ends
   * @throws {ConnectionError} when it belongs to no request, or is malformed, or
   * the block is larger than {@linkcode MAX_HEADER_BLOCK}
   * @throws {HpackError} when the block cannot be decoded
   */
  push(frame: Frame): HeaderBlock | undefined {
    return frame.type === TYPE.headers
      ? this.#begin(frame)
      : this.#continue(frame);
  }

  #begin(frame: Frame): HeaderBlock | undefined {
    const { stream, flags } = frame;
    if (stream % 2 === 0) {
      throw new ConnectionError(ERROR.protocol, "a client's stream is odd");
    }
    const hasPriority = (flags & FLAG.priority) !== 0;
    const prefix = hasPriority ? PRIORITY_SIZE : 0;
    const payload = withoutPadding(frame, prefix);
    const info = {
      stream,
      isEnd: (flags & FLAG.endStream) !== 0,
      dependsOnItself: hasPriority && streamDependency(payload) === stream,
    };
    const part = payload.subarray(prefix);
    if (flags & FLAG.endHeaders) return this.#decode(info, part);
    this.#open = info;
    this.#append(part);
  }

  #continue({ stream, flags, payload }: Frame): HeaderBlock | undefined {
    const info = this.#open;
    if (info?.stream !== stream) {
      throw new ConnectionError(ERROR.protocol, "a header block is broken off");
    }
    this.#append(payload);
    if ((flags & FLAG.endHeaders) === 0) return undefined;
    const block = this.#buffer.subarray(0, this.#length);
    this.#open = undefined;
    this.#buffer = new Uint8Array(0);
    this.#length = this.#cost = 0;
    return this.#decode(info, block);
  }

  #decode(info: BlockInfo, block: Uint8Array): HeaderBlock {
    return {
      ...info,
      headers: this.#hpack.decode(block, MAX_HEADER_LIST_SIZE),
    };
  }

  #append(part: Uint8Array): void {
    this.#cost += part.length + FRAME_HEADER_SIZE;
    if (this.#cost > MAX_HEADER_BLOCK) {
      throw new ConnectionError(ERROR.enhanceYourCalm, "too many headers");
    }
    const length = this.#length + part.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(part, this.#length);
    this.#length = length;
  }
}

/** The stream that a priority depends on: RFC 7540, 6.3. */
export function streamDependency(priority: Uint8Array): number {
  return uint32At(priority, 0) & MAX_WINDOW;
}

/** The frames of a header block: HEADERS and, as far as one is too small, CONTINUATION. */
export function headerFrames(
  stream: number,
  block: Uint8Array,
  isEnd: boolean,
): Uint8Array {
  const bytes = new Uint8Array(sizeWithFrameHeaders(block.length));
  let flags = isEnd ? FLAG.endStream : 0;
  let at = 0;
  let from = 0;
  do {
    const part = block.subarray(from, from + MAX_PAYLOAD);
    const type = from === 0 ? TYPE.headers : TYPE.continuation;
    from += part.length;
    if (from === block.length) flags |= FLAG.endHeaders;
    writeFrameHeader(bytes, at, part.length, type, flags, stream);
    bytes.set(part, at + FRAME_HEADER_SIZE);
    at += FRAME_HEADER_SIZE + part.length;
    flags = 0;
  } while (from < block.length);
  return bytes;
}
