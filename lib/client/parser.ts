import { ByteBuffer } from "./bytes.ts";
import { LimitError } from "./errors.ts";
import { MAX_LINES, MAX_NAME, MAX_SIZE } from "./limits.ts";

/** An event of a stream. */
export interface StreamEvent {
  /** `message` when the stream names none. */
  readonly event: string;
  /** Its data. */
  readonly data: string;
  /** The entity tag of the state that it makes, where lainlet says it in a comment. */
  readonly etag?: string;
}

/** What lainlet says in comments: how a state is called, and that it is the one that the listener has. */
const ETAG = "etag ";
const UNCHANGED = "unchanged";

/** Longer tags are none of lainlet's, in bytes. */
const MAX_ETAG = 100;

const [LF, CR, SPACE, COLON] = [10, 13, 32, 58];

/**
 * Reads an event stream, in pieces of any size; what it costs grows with the
 * bytes alone. It knows `data` and `event`, and lainlet's comments: that the
 * state is the one that the listener has is an event `unchanged`. Ids and times
 * to reconnect are passed over, since a client of lainlet's has no use for them.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventParser {
  /** The data of the event so far, each line ended, and behind it the line so far. */
  readonly #bytes: ByteBuffer;
  /** Where the line begins. */
  #line = 0;
  #lines = 0;
  #event = "";
  #etag?: string;
  #isUnchanged = false;
  #isAfterCr = false;
  #isFirst = true;
  // A byte order mark is one at the beginning of the stream only.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** Blank lines so far, with which whatever came before is over. */
  blanks = 0;

  /** @param limit the most that an event may hold, in bytes */
  constructor(limit = MAX_SIZE) {
    this.#bytes = new ByteBuffer(limit, "an event");
  }

  /**
   * The events that are whole with these bytes.
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
    if (this.#isFirst && isMark(line)) line = line.subarray(3);
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
    if (isNamed(name, "data")) {
      // In place of its line, which is longer than it is with its end.
      array.set(value, this.#line);
      this.#line += value.length;
      array[this.#line++] = LF;
    } else if (isNamed(name, "event")) {
      // A character takes four bytes at the most.
      this.#event = this.#decoder.decode(value.subarray(0, 4 * MAX_NAME + 4))
        .slice(0, MAX_NAME);
    } else if (colon === 0 && value.length <= ETAG.length + MAX_ETAG) {
      this.#note(this.#decoder.decode(value));
    }
    this.#bytes.length = this.#line;
  }

  #note(comment: string): void {
    if (comment.startsWith(ETAG)) this.#etag = comment.slice(ETAG.length);
    else if (comment === UNCHANGED) this.#isUnchanged = true;
  }

  #dispatch(): StreamEvent | undefined {
    const event = this.#event || "message";
    const end = this.#line - 1;
    const etag = this.#etag;
    const isUnchanged = this.#isUnchanged;
    this.blanks++;
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

function isMark([a, b, c]: Uint8Array): boolean {
  return a === 0xef && b === 0xbb && c === 0xbf;
}

function isNamed(bytes: Uint8Array, name: string): boolean {
  return bytes.length === name.length &&
    bytes.every((byte, i) => byte === name.charCodeAt(i));
}
