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

/** Maximum size of the headers of a request, in bytes: RFC 9113, 6.5.2. */
export const MAX_HEADER_LIST_SIZE = 32 * 1024;

/**
 * Maximum size of an encoded header block, in bytes. A larger block ends the
 * connection; a smaller one with too large headers ends only its stream.
 */
const MAX_HEADER_BLOCK = 4 * MAX_HEADER_LIST_SIZE;

/** Size of a priority, in bytes: RFC 9113, 6.2 and 6.3. */
export const PRIORITY_SIZE = 5;

/** What the frames of a header block contain besides headers. */
interface BlockInfo {
  readonly stream: number;
  /** Whether the block ends the request. */
  readonly isEnd: boolean;
  /** Whether the stream depends on itself, which RFC 7540, 5.3.1 forbids. */
  readonly dependsOnItself: boolean;
}

/** The headers or trailers of a request. */
export interface HeaderBlock extends BlockInfo {
  /** Undefined if they exceed {@linkcode MAX_HEADER_LIST_SIZE}. */
  readonly headers?: readonly Header[];
}

/**
 * Assembles header blocks from HEADERS and CONTINUATION frames. No other frames
 * may come between those of one block.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-4.3
 */
export class HeaderBlockReader {
  readonly #hpack = new HpackDecoder();
  /** The incomplete block. */
  #open?: BlockInfo;
  /** Holds the part of it that has arrived. */
  #buffer = new Uint8Array(0);
  #length = 0;
  /** Size with the headers of the frames, because empty frames cost time, too. */
  #cost = 0;

  /** Whether a block is incomplete, so that a CONTINUATION has to follow. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Memory held for an incomplete block, in bytes. */
  get heldBytes(): number {
    return this.#buffer.length;
  }

  /**
   * Adds a HEADERS or CONTINUATION frame.
   *
   * @returns the block, if the frame completes it
   * @throws {ConnectionError} if the frame is malformed, or its stream id is even,
   * or the block exceeds {@linkcode MAX_HEADER_BLOCK}
   * @throws {HpackError} if the block cannot be decoded
   */
  push(frame: Frame): HeaderBlock | undefined {
    return frame.type === TYPE.headers
      ? this.#begin(frame)
      : this.#continue(frame);
  }

  #begin(frame: Frame): HeaderBlock | undefined {
    const { stream, flags } = frame;
    if (stream % 2 === 0) {
      throw new ConnectionError(ERROR.protocol, "even stream id of a client");
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
      throw new ConnectionError(ERROR.protocol, "interrupted header block");
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
      throw new ConnectionError(
        ERROR.enhanceYourCalm,
        "header block too large",
      );
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

/** Returns the stream that a priority depends on: RFC 7540, 6.3. */
export function streamDependency(priority: Uint8Array): number {
  return uint32At(priority, 0) & MAX_WINDOW;
}

/** Encodes a header block as a HEADERS frame, and as many CONTINUATION frames as needed. */
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
