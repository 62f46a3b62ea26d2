/** What gRPC gives as the last error where there was none. */
const NOTHING: ReadonlySet<string> = new Set(["", "null", "undefined"]);

/**
 * What went wrong, as one line that is the same when the same goes wrong
 * again: without what gRPC and `fetch` put before and after it.
 */
export function lineOf(error: unknown): string {
  // Since Deno 2.9, what `fetch` throws says nothing itself.
  const said = error instanceof TypeError && error.cause ? error.cause : error;
  const line = (said instanceof Error ? said.message : String(said))
    .replace(
      /^error sending request .+?: (client error \(\w+\): |(?=\w+ error))/,
      "",
    )
    .replace(/(certificate expired): .*/, "$1")
    .replace(/^\d+ [A-Z_]+: /, "")
    .replace(/^No connection established\. Last error: (Error: )?/, "")
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/g, "")
    .replace(/\.?\s*(Resolution note:\s*)?$/, "")
    .replace(/\s+/g, " ");
  return NOTHING.has(line) ? "the connection could not be made" : line;
}
/**
 * One connection to one endpoint. It never repairs itself: the first failure
 * closes it, and whoever opened it opens another one.
 */

export interface Connection {
  readonly endpoint: string;
  /** Aborts when the connection is over; the reason is an `Error`, or null after {@linkcode close}. */
  readonly signal: AbortSignal;
  /** Ends the connection because of an error. */
  fail(error: unknown): void;
  close(): void;
}
