import { STATUS_CODE } from "@std/http/status";

/** A request that is refused: the status and the one line that the caller gets. */
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

/** An answer that cannot be made from the present state, but may be from the next one. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";

  /** @param retryAfter when there may be one, in seconds */
  constructor(message: string, readonly retryAfter = 1) {
    super(message);
  }
}

/** A request that is malformed: 400. */
export function badRequest(message: string): Refusal {
  return new Refusal(STATUS_CODE.BadRequest, message);
}

/** A request that this caller may not make: 403. */
export function forbidden(reason: string): Refusal {
  return new Refusal(
    STATUS_CODE.Forbidden,
    `authorize failed, ${reason}`,
  );
}

/** A browser's request by a name that may be anybody's: 421 (RFC 9110, 15.5.20). */
export function misdirected(): Refusal {
  return new Refusal(
    STATUS_CODE.MisdirectedRequest,
    "lainlet is not known by this name: ask it by an address, or give the name to --web.hosts",
  );
}

/** Reasons of {@linkcode forbidden}, as deployed clients know them. */
export const SUPER_REQUIRED = "super required";
export const NO_PERMISSION = "no permission";
/** Why there is no answer before the first complete read. */
export const NOT_READ_YET = "the store has not been read yet";
