import { ChildController, onAbort } from "../abort.ts";
import {
  errorMessage,
  MAX_REFUSAL_SIZE,
  PeerError,
  RefusedError,
} from "./errors.ts";
import {
  ByteBuffer,
  HEARTBEAT_INTERVAL,
  MAX_RETRY_AFTER,
  MAX_SIZE,
  PROGRESS_SIZE,
  SILENCE_TIMEOUT,
} from "./limits.ts";
import { EventParser, type StreamEvent } from "./parser.ts";

/** How much of a response has arrived. */
export interface Progress {
  /** In bytes, not compressed. */
  readonly loaded: number;
  /** Of the whole; undefined: unknown. */
  readonly total?: number;
}

/**
 * An HTTP request and its response. It follows no redirect, and gives up when
 * the response stalls or is too slow.
 */
export class ClientRequest {
  readonly #closing: ChildController;
  readonly #signal: AbortSignal;
  /** The entity tag of the response. */
  etag?: string;
  #size?: number;
  #reader?: ReadableStreamDefaultReader<Uint8Array>;
  /** The time left until the response is given up, in ms. */
  #timeLeft: number;
  /** Bytes since {@linkcode #timeLeft} was last reset. */
  #progress = 0;

  /**
   * {@linkcode close} must be called in any case.
   *
   * @param timeout time without progress after which the response is given up, in ms
   * @param signal ends the request, too
   */
  constructor(private timeout: number, signal?: AbortSignal) {
    this.#timeLeft = timeout;
    this.#closing = new ChildController(signal);
    this.#signal = this.#closing.signal;
    // Once the headers are there, Deno's fetch drops its signal as soon as
    // garbage is collected.
    onAbort(this.#signal, () => this.#reader?.cancel().catch(() => {}));
  }

  /**
   * Sends the request and reads the response's headers; {@linkcode read} reads
   * the body.
   *
   * @returns the response's media type
   * @throws {RefusedError} when the status is 400 or more
   * @throws {PeerError} when there is no response in time, or it is not lainlet's
   */
  async open(url: string): Promise<string> {
    const { status, type, headers, body } = await this.#withTimeout(
      fetch(url, { signal: this.#signal, redirect: "manual" }),
    );
    this.#reader = body?.getReader();
    if (status >= 400) {
      const retryAfter = parseRetryAfter(headers.get("Retry-After"));
      throw new RefusedError(status, await this.#refusal(), retryAfter);
    }
    // Browsers hide the location.
    const location = type === "opaqueredirect"
      ? "another location"
      : headers.get("Location");
    if (location !== null) throw new PeerError(`it redirects to ${location}`);
    if (status !== 200) throw new PeerError(`it responds with HTTP ${status}`);
    this.etag = headers.get("ETag") ?? undefined;
    this.#size = sizeOf(headers);
    return headers.get("Content-Type")?.replace(/\s*;.*/s, "") ?? "";
  }

  /**
   * The next bytes of the body; undefined at its end.
   *
   * @throws {PeerError} when the connection is lost, stalls, or is too slow
   */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) return undefined;
    const { done, value } = await this.#withTimeout(this.#reader.read());
    if (done) return undefined;
    this.#progress += value.length;
    if (this.#progress >= PROGRESS_SIZE) this.resetTimeout();
    return value;
  }

  /**
   * The whole body as text.
   *
   * @throws {LimitError} when it is too long
   * @throws as {@linkcode read}
   */
  async text(onProgress?: (progress: Progress) => void): Promise<string> {
    const bytes = new ByteBuffer(MAX_SIZE, "the response");
    for (let chunk; (chunk = await this.read()) !== undefined;) {
      bytes.append(chunk);
      onProgress?.({ loaded: bytes.length, total: this.#size });
    }
    return new TextDecoder().decode(bytes.array.subarray(0, bytes.length));
  }

  /** Allows the full time, or another one, for what follows; to be called after each event. */
  resetTimeout(timeout = this.timeout): void {
    this.timeout = this.#timeLeft = timeout;
    this.#progress = 0;
  }

  /** Ends the request. */
  close(): void {
    this.#closing.abort();
  }

  /**
   * Waits for a step of the request; the time between steps does not count.
   *
   * @throws {PeerError} when the time is up, or the network fails
   * @throws the signal's reason, when it aborts
   */
  async #withTimeout<T>(step: Promise<T>): Promise<T> {
    const start = performance.now();
    const timer = setTimeout(() => {
      const seconds = this.timeout / 1000;
      this.#closing.abort(
        new PeerError(
          this.#progress > 0
            ? `too little data in ${seconds} s`
            : `no data for ${seconds} s`,
        ),
      );
    }, this.#timeLeft);
    try {
      const result = await step;
      this.#signal.throwIfAborted();
      return result;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new PeerError(errorMessage(error), { cause: error });
    } finally {
      clearTimeout(timer);
      this.#timeLeft -= performance.now() - start;
    }
  }

  /** The message of a refusal, or its beginning. */
  async #refusal(): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    for (let chunk; (chunk = await this.read()) !== undefined;) {
      text += decoder.decode(chunk.subarray(0, MAX_REFUSAL_SIZE), {
        stream: true,
      });
      if (text.length >= MAX_REFUSAL_SIZE) break;
    }
    return text;
  }
}

/**
 * Opens an event stream and yields its events until it ends.
 *
 * @param url the URL of a watch, with a query
 * @param timeout how long the response may take to begin, in ms
 * @param maxInit the maximum size of an `init` event, in bytes
 * @throws {RefusedError} when the watch is refused
 * @throws {LargeInitError} when an `init` event is larger than `maxInit`
 * @throws {PeerError} when the stream cannot be opened, is lost or stalls, or is not lainlet's
 */
export async function* events(
  url: string,
  timeout: number,
  signal: AbortSignal,
  maxInit = Infinity,
): AsyncGenerator<StreamEvent, void> {
  const request = new ClientRequest(timeout, signal);
  try {
    const type = await request.open(`${url}&heartbeat=${HEARTBEAT_INTERVAL}`);
    if (type.toLowerCase() !== "text/event-stream") {
      throw new PeerError(
        `it responds with "${type}" instead of an event stream`,
      );
    }
    request.resetTimeout(SILENCE_TIMEOUT);
    const parser = new EventParser();
    for (let chunk; (chunk = await request.read()) !== undefined;) {
      const { blankLines } = parser;
      yield* parser.push(chunk);
      if (parser.blankLines > blankLines) request.resetTimeout();
      if (parser.pending.event === "init" && parser.pending.size > maxInit) {
        throw new LargeInitError();
      }
    }
  } finally {
    request.close();
  }
}

/** An `init` event is too large to be read uncompressed. */
export class LargeInitError extends Error {
  override readonly name = "LargeInitError";
}

/**
 * Gets a state as an `init` event, then yields the events of the stream that
 * continues from it. The stream is opened while the state is still being read:
 * lainlet remembers an old state for a short time only.
 *
 * @param url of the state
 * @param urlSince returns the URL of the watch from a state's entity tag
 * @param timeout as {@linkcode events}'
 * @throws as {@linkcode events}
 */
export async function* eventsAfterGet(
  url: string,
  urlSince: (etag: string | undefined) => string,
  onProgress: (progress: Progress) => void,
  timeout: number,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  const ending = new ChildController(signal);
  const request = new ClientRequest(timeout, ending.signal);
  try {
    await request.open(url);
    const { etag } = request;
    const following = events(urlSince(etag), timeout, ending.signal);
    const next = following.next();
    // Its error counts when the state is there.
    next.catch(() => {});
    yield { event: "init", data: await request.text(onProgress), etag };
    const { done, value } = await next;
    if (done) return;
    yield value;
    yield* following;
  } finally {
    request.close();
    ending.abort();
  }
}

/** The length of a body when it is decompressed; undefined: unknown. */
function sizeOf(headers: Headers): number | undefined {
  const length = headers.has("Content-Encoding")
    ? headers.get("Lainlet-Size")
    : headers.get("Content-Length");
  return length === null ? undefined : Number(length);
}

/**
 * Statuses below 500 of requests that may succeed later: Request Timeout, Too
 * Early, Too Many Requests.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9
 * @see https://www.rfc-editor.org/rfc/rfc8470#section-5.2
 * @see https://www.rfc-editor.org/rfc/rfc6585#section-4
 */
const RETRYABLE: readonly number[] = [408, 425, 429];

/** Whether the same request may succeed later. @param status an HTTP status of 400 or more */
export function isRetryable(status: number): boolean {
  return status >= 500 || RETRYABLE.includes(status);
}

/**
 * Parses `Retry-After`, seconds or a date, bounded by {@linkcode MAX_RETRY_AFTER}.
 *
 * @param now in ms since 1970
 * @returns in ms; undefined when the header is missing or malformed
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function parseRetryAfter(
  header: string | null,
  now = Date.now(),
): number | undefined {
  if (header === null) return undefined;
  const wait = /^\d+$/.test(header)
    ? Number(header) * 1000
    : Date.parse(header) - now;
  if (Number.isNaN(wait)) return undefined;
  return Math.min(Math.max(wait, 0), MAX_RETRY_AFTER);
}
