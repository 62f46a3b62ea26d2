import { PeerError } from "./errors.ts";
import { MAX_DEPTH, MAX_NODES } from "./limits.ts";

/**
 * Parses JSON of anyone's.
 *
 * @param parse what makes a value of it
 * @throws {PeerError} when it is no JSON, or more than a program should take on
 */
export function parseBounded(
  text: string,
  parse: (text: string) => unknown,
): unknown {
  measure(text);
  try {
    return parse(text);
  } catch (error) {
    // The parser's own words quote the text.
    if (error instanceof SyntaxError) throw new PeerError("it is not JSON");
    throw error;
  }
}

/** Looks for what costs much more than its text, without making anything of it. */
function measure(text: string): void {
  let [depth, nodes] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // ": to the end of the string
        for (let c; (c = text.charCodeAt(++i)) !== 0x22 && i < text.length;) {
          if (c === 0x5c) i++; // \
        }
        break;
      case 0x5b: // [
      case 0x7b: // {
        nodes++;
        if (++depth > MAX_DEPTH) {
          throw new PeerError(`it is nested deeper than ${MAX_DEPTH}`);
        }
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case 0x2c: // ,
        nodes++;
    }
    if (nodes > MAX_NODES) {
      throw new PeerError(`it holds more than ${MAX_NODES} values`);
    }
  }
}
