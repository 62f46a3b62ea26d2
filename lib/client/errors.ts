import { oneLine } from "./limits.ts";

/** Lainlet's refusal to answer; the message is its own, as one line. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";

  /**
   * @param status of HTTP
   * @param retryAfter how long lainlet, or a proxy before it, asks to wait before the next request, in ms, 60 s at the most
   */
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfter?: number,
  ) {
    super(oneLine(message) || `HTTP ${status}`);
  }
}

/**
 * What the other end did wrong, or the way to it: nobody is there, it is
 * silent, or what it says is nothing of lainlet's. The message is one line.
 * Asking again may help, which it does not after any other error.
 */
export class PeerError extends Error {
  override readonly name: string = "PeerError";
}

/**
 * An answer beyond the limits of this client: too long, nested too deep, too
 * many values. It came, and may be lainlet's.
 */
export class LimitError extends PeerError {
  override readonly name = "LimitError";
}

/** What went wrong, as one line. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  const { message, cause } = error;
  const isWhole = error instanceof PeerError || !(cause instanceof Error);
  // Deno's `fetch` says first to where, which whoever asks knows.
  const said = (isWhole ? message : cause.message)
    .replace(/^error sending request .+?: client error \(\w+\): /, "");
  return oneLine(said);
}
