import { LimitError } from "./errors.ts";
import { ByteBuffer, MAX_LINES, MAX_NAME_LENGTH, MAX_SIZE } from "./limits.ts";

/** An event of an event stream. */
export interface StreamEvent {
  /** The event's name; `message` when the stream gives none. */
  readonly event: string;
  readonly data: string;
  /** The entity tag of the state after this event, from a comment of lainlet's. */
  readonly etag?: string;
}

/** The comments of lainlet: the entity tag of a state, and that the client's state is the present one. */
const ETAG = "etag ";
const UNCHANGED = "unchanged";

/** Longer entity tags are not lainlet's; in bytes. */
const MAX_ETAG = 100;

const [LF, CR, SPACE, COLON] = [10, 13, 32, 58];

/**
 * Parses an event stream, in chunks of any size, in time linear in the bytes.
 * It reads `data`, `event`, and lainlet's comments; the comment that the state
 * is unchanged yields an event `unchanged`. It ignores `id` and `retry`, which
 * this client does not use.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventParser {
  /** The data lines of the event so far, each with its end, then the current line. */
  readonly #bytes: ByteBuffer;
  /** Where the current line starts. */
  #line = 0;
  #lines = 0;
  #event = "";
  #etag?: string;
  #isUnchanged = false;
  #isAfterCr = false;
  #isFirst = true;
  // A byte order mark counts as one at the start of the stream only.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** How many blank lines were read: each ends an event or a comment. */
  blankLines = 0;

  /** @param limit the maximum size of an event, in bytes */
  constructor(limit = MAX_SIZE) {
    this.#bytes = new ByteBuffer(limit, "an event");
  }

  /** The name and the size so far, in bytes, of the event that is incomplete. */
  get pending(): { readonly event: string; readonly size: number } {
    return { event: this.#event, size: this.#bytes.length };
  }

  /**
   * Parses a chunk, and yields the events that are complete.
   *
   * @throws {LimitError} when an event is too long
   */
  *push(chunk: Uint8Array): Generator<StreamEvent, void> {
    if (chunk.length === 0) return;
    let start = this.#isAfterCr && chunk[0] === LF ? 1 : 0;
    this.#isAfterCr = false;
    const find = (byte: number) => {
      const i = chunk.indexOf(byte, start);
      return i === -1 ? chunk.length : i;
    };
    let [lf, cr] = [-1, -1];
    while (start < chunk.length) {
      if (lf < start) lf = find(LF);
      if (cr < start) cr = find(CR);
      const end = Math.min(lf, cr);
      this.#bytes.append(chunk.subarray(start, end));
      if (end === chunk.length) return;
      start = end + 1;
      if (end === cr) {
        if (chunk[start] === LF) start++;
        else this.#isAfterCr = start === chunk.length;
      }
      const event = this.#endLine();
      if (event !== undefined) yield event;
    }
  }

  #endLine(): StreamEvent | undefined {
    const { array, length } = this.#bytes;
    let line = array.subarray(this.#line, length);
    if (this.#isFirst && isByteOrderMark(line)) line = line.subarray(3);
    this.#isFirst = false;
    if (line.length === 0) return this.#dispatch();
    if (++this.#lines > MAX_LINES) {
      throw new LimitError(`an event has more than ${MAX_LINES} lines`);
    }
    const colon = line.indexOf(COLON);
    const name = colon === -1 ? line : line.subarray(0, colon);
    const gap = line[colon + 1] === SPACE ? 2 : 1;
    const value = colon === -1
      ? line.subarray(0, 0)
      : line.subarray(colon + gap);
    if (isText(name, "data")) {
      // Overwrites its line, which is longer than the data and a line feed.
      array.set(value, this.#line);
      this.#line += value.length;
      array[this.#line++] = LF;
    } else if (isText(name, "event")) {
      // A character takes at most four bytes.
      this.#event = this.#decoder.decode(
        value.subarray(0, 4 * MAX_NAME_LENGTH + 4),
      )
        .slice(0, MAX_NAME_LENGTH);
    } else if (colon === 0 && value.length <= ETAG.length + MAX_ETAG) {
      this.#readComment(this.#decoder.decode(value));
    }
    this.#bytes.length = this.#line;
  }

  #readComment(comment: string): void {
    if (comment.startsWith(ETAG)) this.#etag = comment.slice(ETAG.length);
    else if (comment === UNCHANGED) this.#isUnchanged = true;
  }

  #dispatch(): StreamEvent | undefined {
    const event = this.#event || "message";
    const end = this.#line - 1;
    const etag = this.#etag;
    const isUnchanged = this.#isUnchanged;
    this.blankLines++;
    this.#event = "";
    this.#etag = undefined;
    this.#isUnchanged = false;
    this.#line = 0;
    this.#lines = 0;
    if (end === -1) {
      this.#bytes.clear();
      return isUnchanged ? { event: UNCHANGED, data: "", etag } : undefined;
    }
    const text = this.#decoder.decode(this.#bytes.array.subarray(0, end));
    this.#bytes.clear();
    return { event, data: text, etag };
  }
}

function isByteOrderMark([a, b, c]: Uint8Array): boolean {
  return a === 0xef && b === 0xbb && c === 0xbf;
}

function isText(bytes: Uint8Array, name: string): boolean {
  return bytes.length === name.length &&
    bytes.every((byte, i) => byte === name.charCodeAt(i));
}
