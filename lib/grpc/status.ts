import { Buffer } from "node:buffer";
import { STATUS_CODE } from "@std/http/status";
import { Refusal, Unavailable } from "../errors.ts";
import type { Header } from "../http2/hpack.ts";

/**
 * How a call ends.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
 */
export const CODE = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** One of {@linkcode CODE}. */
export type Code = typeof CODE[keyof typeof CODE];

/** A call that cannot be answered; the message is the caller's. */
export class RpcError extends Error {
  override readonly name = "RpcError";

  constructor(readonly code: Code, message: string) {
    super(message);
  }
}

/** How a call ends that by HTTP ends with a status. */
const CODES: ReadonlyMap<number, Code> = new Map([
  [STATUS_CODE.BadRequest, CODE.invalidArgument],
  [STATUS_CODE.Forbidden, CODE.permissionDenied],
  [STATUS_CODE.NotFound, CODE.notFound],
  [STATUS_CODE.ServiceUnavailable, CODE.unavailable],
]);

/** The code for a status of HTTP. */
export function codeOf(status: number): Code {
  return CODES.get(status) ?? CODE.internal;
}

/** How a call ends that failed; undefined when its failure is a fault of lainlet's. */
export function rpcErrorOf(error: unknown): RpcError | undefined {
  if (error instanceof RpcError) return error;
  if (error instanceof Refusal) {
    return new RpcError(codeOf(error.status), error.message);
  }
  if (error instanceof Unavailable) {
    return new RpcError(CODE.unavailable, error.message);
  }
}

/**
 * The longest message of a status, in UTF-16 units: with all of it encoded, it is
 * less than the 8 KB of headers that clients take at least.
 */
const MAX_MESSAGE = 800;

/**
 * The headers that say how a call ended; the message is percent-encoded, as they
 * are ASCII, and what is too much of it is left out.
 */
export function statusHeaders(code: Code, message = ""): Header[] {
  const status: Header = ["grpc-status", `${code}`];
  if (message === "") return [status];
  const text = message.length <= MAX_MESSAGE
    ? message
    : `${message.slice(0, MAX_MESSAGE).toWellFormed()}…`;
  const encoded = Buffer.from(text).toString("latin1").replace(
    /[^ -$&-~]/g,
    (byte) =>
      `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
  return [status, ["grpc-message", encoded]];
}
