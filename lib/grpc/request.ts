import { MESSAGE_HEAD } from "../broadcast/message.ts";
import { wordAt } from "../http2/frame.ts";
import { Splitter } from "../http2/splitter.ts";
import { CODE, RpcError } from "./status.ts";

/** The longest request, in bytes: they hold a name each. */
const MAX_REQUEST = 64 * 1024;

/**
 * Splits what arrives into messages.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class MessageReader {
  readonly #messages = new Splitter(MESSAGE_HEAD, lengthOf);

  /** Memory that is kept for messages that are not whole yet, in bytes. */
  get held(): number {
    return this.#messages.held;
  }

  /**
   * The messages that are whole now; each is valid until the next one is asked for.
   *
   * @throws {RpcError} when it is not what gRPC sends, or too long
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    for (const bytes of this.#messages.push(chunk)) {
      yield bytes.subarray(MESSAGE_HEAD);
    }
  }

  /** @throws {RpcError} when a message has begun, and has not ended */
  end(): void {
    if (this.#messages.isAmid) {
      throw new RpcError(CODE.internal, "the request is cut off");
    }
  }
}

/** How long the message is that begins here, in bytes. */
function lengthOf(head: Uint8Array): number {
  const [flag] = head;
  if (flag === 1) {
    throw new RpcError(CODE.unimplemented, "the request is compressed");
  }
  if (flag !== 0) {
    throw new RpcError(CODE.internal, "the request is no message");
  }
  const length = wordAt(head, 1);
  if (length <= MAX_REQUEST) return length;
  throw new RpcError(
    CODE.resourceExhausted,
    `the request has ${length} bytes, at most ${MAX_REQUEST} are read`,
  );
}

/**
 * How long a caller waits, in ms; undefined: for as long as it takes.
 *
 * @param timeout the header `grpc-timeout`, like `1500m`
 */
export function timeoutOf(timeout: string | undefined): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(timeout ?? "") ??
    [];
  if (digits === undefined) return undefined;
  // Timers count milliseconds in 31 bits.
  return Math.min(Number(digits) * (UNITS[unit] ?? 0), 2 ** 31 - 1);
}

/** In ms. */
const UNITS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
