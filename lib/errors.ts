import { STATUS_CODE } from "@std/http/status";

/** A request that is refused: the status and the one line that the caller gets. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(
    readonly status: typeof STATUS_CODE[
      "BadRequest" | "Forbidden" | "NotFound"
    ],
    message: string,
  ) {
    super(message);
  }
}

/** An answer that cannot be made from the present state, but may be from the next one. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

export function badRequest(message: string): Refusal {
  return new Refusal(STATUS_CODE.BadRequest, message);
}

export function forbidden(reason: string): Refusal {
  return new Refusal(
    STATUS_CODE.Forbidden,
    `authorize failed, ${reason}`,
  );
}

export const SUPER_REQUIRED = "super required";
export const NO_PERMISSION = "no permission";
export const NOT_READ_YET = "the store has not been read yet";
