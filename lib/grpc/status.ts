import { Buffer } from "node:buffer";
import { STATUS_CODE } from "@std/http/status";
import { Refusal, Unavailable } from "../errors.ts";
import type { Header } from "../http2/hpack.ts";

/**
 * Status codes.
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

/** Ends a call with a status. The message is sent to the caller. */
export class RpcError extends Error {
  override readonly name = "RpcError";

  constructor(readonly code: Code, message: string) {
    super(message);
  }
}

/** Codes by HTTP status. */
const CODES: ReadonlyMap<number, Code> = new Map([
  [STATUS_CODE.BadRequest, CODE.invalidArgument],
  [STATUS_CODE.Forbidden, CODE.permissionDenied],
  [STATUS_CODE.NotFound, CODE.notFound],
  [STATUS_CODE.ServiceUnavailable, CODE.unavailable],
]);

/** Returns the code for an HTTP status. */
export function codeOfStatus(status: number): Code {
  return CODES.get(status) ?? CODE.internal;
}

/** Returns the status of a call that failed with an error; undefined: the error is unexpected. */
export function toRpcError(error: unknown): RpcError | undefined {
  if (error instanceof RpcError) return error;
  if (error instanceof Refusal) {
    return new RpcError(codeOfStatus(error.status), error.message);
  }
  if (error instanceof Unavailable) {
    return new RpcError(CODE.unavailable, error.message);
  }
}

/**
 * The longest message of a status, in UTF-16 units. Even if each is encoded, the
 * message is shorter than the 8 KB of headers that all clients accept.
 */
const MAX_MESSAGE_LENGTH = 800;

/** Returns the headers of a status. The message is truncated, and percent-encoded as headers are ASCII. */
export function statusHeaders(code: Code, message = ""): Header[] {
  const status: Header = ["grpc-status", `${code}`];
  if (message === "") return [status];
  const text = message.length <= MAX_MESSAGE_LENGTH
    ? message
    : `${message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed()}…`;
  const encoded = Buffer.from(text).toString("latin1").replace(
    /[^ -$&-~]/g,
    (byte) =>
      `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
  return [status, ["grpc-message", encoded]];
}
