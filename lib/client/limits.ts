/**
 * The limits of the client: how much memory and time it spends on a response,
 * whatever the server sends.
 *
 * @module
 */
import { exceededBound } from "../json.ts";
import { LimitError, PeerError } from "./errors.ts";

/** The maximum size of a response, or of an event, in bytes. A whole cluster is about 100 MB. */
export const MAX_SIZE = 256 * 1024 * 1024;

/** The maximum number of lines of an event; lainlet sends three. */
export const MAX_LINES = 1_000_000;

/** Longer event names are cut, as no known one is as long; in characters. */
export const MAX_NAME_LENGTH = 100;

/**
 * How deep values may be nested, and how many commas, lists and objects there
 * may be. Parsed values take up to forty times the memory of their text
 * (`[[],[],…`), and recursive functions have a limited stack; lainlet's
 * responses have one comma for about 20 bytes.
 */
export const MAX_DEPTH = 500;
export const MAX_NODES = 16_000_000;

/** The interval of the heartbeats that a watch asks for, in seconds. */
export const HEARTBEAT_INTERVAL = 10;

/** A response, or a stream without an event, is given up after this time, in ms. */
export const SILENCE_TIMEOUT = 2.5 * HEARTBEAT_INTERVAL * 1000;

/** This many bytes of a response or an event reset that time. */
export const PROGRESS_SIZE = 1024 * 1024;

/** A stream that was open for this long is retried without backoff, in ms. */
export const STEADY_AFTER = HEARTBEAT_INTERVAL * 1000;

/** The maximum of `Retry-After` that a watch obeys, in ms. Backoff is added, so that clients do not return all at once. */
export const MAX_RETRY_AFTER = 60_000;

/** The initial capacity of a {@linkcode ByteBuffer}, in bytes. */
const CAPACITY = 64 * 1024;

/** A buffer of bytes that grows up to a limit. Appending costs the same for chunks of any size. */
export class ByteBuffer {
  /** Only the first {@linkcode length} bytes are in use. */
  array = new Uint8Array(CAPACITY);
  length = 0;

  /** @param content what the buffer holds, for the error message: `the response` */
  constructor(
    private readonly limit: number,
    private readonly content: string,
  ) {}

  /** @throws {LimitError} when the bytes exceed the limit */
  append(chunk: Uint8Array): void {
    const length = this.length + chunk.length;
    if (length > this.limit) {
      const [size, unit] = this.limit < 2 ** 20
        ? [this.limit, "bytes"]
        : [this.limit / 2 ** 20, "MB"];
      throw new LimitError(`${this.content} is longer than ${size} ${unit}`);
    }
    if (length > this.array.length) {
      const larger = Math.max(length, 2 * this.array.length);
      const array = new Uint8Array(Math.min(larger, this.limit));
      array.set(this.array.subarray(0, this.length));
      this.array = array;
    }
    this.array.set(chunk, this.length);
    this.length = length;
  }

  /** Removes all bytes, and frees memory above the initial capacity. */
  clear(): void {
    this.length = 0;
    if (this.array.length > CAPACITY) this.array = new Uint8Array(CAPACITY);
  }
}

/** The messages for bounds of JSON text that are exceeded. */
const EXCEEDED = {
  depth: `it is nested deeper than ${MAX_DEPTH}`,
  nodes: `it holds more than ${MAX_NODES} values`,
};

/**
 * Parses JSON text within the limits.
 *
 * @throws {LimitError} when the text exceeds them
 * @throws {PeerError} when the text is not JSON
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
    // The parser's message quotes the text.
    if (error instanceof SyntaxError) throw new PeerError("it is not JSON");
    throw error;
  }
}
