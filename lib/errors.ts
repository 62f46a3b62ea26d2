import { STATUS_CODE } from "@std/http/status";

/** A refused request: its HTTP status and the one-line message of the response. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(
    readonly status: typeof STATUS_CODE[
      "BadRequest" | "Forbidden" | "MisdirectedRequest" | "NotFound"
    ],
    message: string,
  ) {
    super(message);
  }
}

/** There is no response now, but there may be one later: 503. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";

  /** @param retryAfter when to retry, in seconds */
  constructor(message: string, readonly retryAfter = 1) {
    super(message);
  }
}

/** Returns the refusal of a malformed request: 400. */
export function badRequest(message: string): Refusal {
  return new Refusal(STATUS_CODE.BadRequest, message);
}

/** Returns the refusal of a request that its caller may not make: 403. */
export function forbidden(reason: string): Refusal {
  return new Refusal(
    STATUS_CODE.Forbidden,
    `authorize failed, ${reason}`,
  );
}

/** Returns the refusal of a browser's request whose `Host` is unknown: 421 (RFC 9110, 15.5.20). */
export function misdirected(): Refusal {
  return new Refusal(
    STATUS_CODE.MisdirectedRequest,
    "unknown host name: use an IP address, or add the name to --web.hosts",
  );
}

/** Returns the refusal of a view that was removed: 404. */
export function gone(): Refusal {
  return new Refusal(STATUS_CODE.NotFound, "the endpoint was removed");
}

/** Reasons for {@linkcode forbidden}; deployed clients know these texts. */
export const SUPER_REQUIRED = "super required";
export const NO_PERMISSION = "no permission";
/** The message of a 503 before the first complete read. */
export const NOT_READ_YET = "the store has not been read yet";
