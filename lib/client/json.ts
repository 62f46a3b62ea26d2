import { exceededBound } from "../json.ts";
import { LimitError, PeerError } from "./errors.ts";
import { MAX_DEPTH, MAX_NODES } from "./limits.ts";

/** What an answer is that exceeds a bound. */
const EXCEEDED = {
  depth: `it is nested deeper than ${MAX_DEPTH}`,
  nodes: `it holds more than ${MAX_NODES} values`,
};

/**
 * Parses JSON of anyone's.
 *
 * @param parse what makes a value of it
 * @throws {LimitError} when it is more than a program should take on
 * @throws {PeerError} when it is not JSON
 */
export function parseBounded(
  text: string,
  parse: (text: string) => unknown,
): unknown {
  const bound = exceededBound(text, { depth: MAX_DEPTH, nodes: MAX_NODES });
  if (bound !== undefined) throw new LimitError(EXCEEDED[bound]);
  try {
    return parse(text);
  } catch (error) {
    // The parser's own words quote the text.
    if (error instanceof SyntaxError) throw new PeerError("it is not JSON");
    throw error;
  }
}
