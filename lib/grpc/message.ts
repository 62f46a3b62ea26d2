/**
 * Messages on the wire: a flag (1: compressed), the length in four bytes, and
 * the message.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 * @module
 */
import type { Bytes } from "../broadcast/state.ts";
import { uint32At } from "../http2/frame.ts";
import { Splitter } from "../http2/splitter.ts";
import { CODE, RpcError } from "./status.ts";

/** Length of what precedes a message, in bytes. */
export const MESSAGE_HEAD = 5;

/** The longest request accepted, in bytes: a request holds one name. */
const MAX_REQUEST = 64 * 1024;

/** Frames a message, uncompressed. @param parts joined, they are the message */
export function messageFrame(parts: readonly Uint8Array[]): Bytes {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = new Uint8Array(MESSAGE_HEAD + length);
  new DataView(frame.buffer).setUint32(1, length);
  let at = MESSAGE_HEAD;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** Splits a request's bytes into messages. */
export class MessageReader {
  readonly #messages = new Splitter(MESSAGE_HEAD, lengthOf);

  /** Memory that incomplete messages take, in bytes. */
  get bufferedBytes(): number {
    return this.#messages.heldBytes;
  }

  /**
   * Yields the messages that `chunk` completes. Each is valid until the next
   * is asked for.
   *
   * @throws {RpcError} when the bytes are not a message, or it is too long
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    for (const bytes of this.#messages.push(chunk)) {
      yield bytes.subarray(MESSAGE_HEAD);
    }
  }

  /** Ends the request. @throws {RpcError} when a message is incomplete */
  end(): void {
    if (this.#messages.hasPartialUnit) {
      throw new RpcError(CODE.internal, "the request is incomplete");
    }
  }
}

/** Length of the message that follows `head`, in bytes. */
function lengthOf(head: Uint8Array): number {
  const [flag] = head;
  if (flag === 1) {
    throw new RpcError(CODE.unimplemented, "the request is compressed");
  }
  if (flag !== 0) {
    throw new RpcError(CODE.internal, "the request is not a gRPC message");
  }
  const length = uint32At(head, 1);
  if (length <= MAX_REQUEST) return length;
  throw new RpcError(
    CODE.resourceExhausted,
    `the request has ${length} bytes, more than ${MAX_REQUEST}`,
  );
}
