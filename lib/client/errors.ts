/** The most that is read of a refusal's message, in bytes. */
export const MAX_REFUSAL_SIZE = 4 * 1024;

/** The most that is shown of a message, in characters. */
const MAX_LINE_LENGTH = 500;

/** The request was refused. The message is the response's, as one line. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";

  /**
   * @param status the HTTP status
   * @param retryAfter how long the response asks to wait before the next request, in ms, at most 60,000
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
 * The server cannot be reached, does not respond in time, or does not respond
 * as lainlet does. The message is one line. Unlike after any other error, a
 * retry may help.
 */
export class PeerError extends Error {
  override readonly name: string = "PeerError";
}

/**
 * A response exceeds a limit of this client: it is too long, nested too deep,
 * or has too many values.
 */
export class LimitError extends PeerError {
  override readonly name = "LimitError";
}

/** The message of an error, as one line. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  const { message, cause } = error;
  const isComplete = error instanceof PeerError || !(cause instanceof Error);
  // Deno's `fetch` starts with the URL, which the caller knows.
  const text = (isComplete ? message : cause.message)
    .replace(/^error sending request .+?: client error \(\w+\): /, "");
  return oneLine(text);
}

/** A text as one line, cut when it is long. */
export function oneLine(text: string): string {
  const line = text.slice(0, MAX_REFUSAL_SIZE).replace(/\s+/g, " ").trim();
  return line.length > MAX_LINE_LENGTH
    ? `${line.slice(0, MAX_LINE_LENGTH)}…`
    : line;
}
