import { getLogger } from "@logtape/logtape";
import {
  ConnectionError,
  encodeFrame,
  encodeUint32s,
  ERROR,
  type ErrorCode,
  FLAG,
  type Frame,
  INITIAL_WINDOW,
  MAX_WINDOW,
  TYPE,
  withoutPadding,
} from "./frame.ts";
import {
  type HeaderBlock,
  headerFrames,
  PRIORITY_SIZE,
  streamDependency,
} from "./header_block.ts";
import { type Header, HpackEncoder } from "./hpack.ts";
import type { Outbox } from "./outbox.ts";
import type { Quota } from "./quota.ts";
import { parseRequest, trailersProblem } from "./request.ts";
import {
  Http2Stream,
  type StreamConnection,
  type StreamHandler,
} from "./stream.ts";

const log = getLogger(["lainlet", "http2"]);

/** Maximum number of concurrent streams of a connection: the default limit of listeners of an address. */
export const MAX_STREAMS = 1_000;

/** How many ids of streams that this side has reset are remembered. */
const MAX_RESET_IDS = MAX_STREAMS;

/** The response to a request with too large headers: RFC 6585, 5. */
const TOO_LARGE: readonly Header[] = [[":status", "431"]];

/** Memory of a stream without its headers, in bytes. */
const STREAM_COST = 4_096;

/** Number of received bytes after which a WINDOW_UPDATE is sent. */
const WINDOW_UPDATE_AFTER = INITIAL_WINDOW >> 1;

/**
 * The streams of a connection: opens and ends them, passes received frames to
 * them, and keeps their send windows.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-5
 */
export class Streams implements StreamConnection {
  readonly #streams = new Map<number, Http2Stream>();
  readonly #encoder = new HpackEncoder();
  /** Streams that this side has reset: frames that the peer sent before it knew are no errors. */
  readonly #resetIds = new Set<number>();
  #initialWindow = INITIAL_WINDOW;
  /** Upper bound of the window offsets of all streams, in bytes. */
  #maxWindowOffset = 0;
  /** Received since the last WINDOW_UPDATE of the connection, in bytes. */
  #unacknowledged = 0;
  /** The last stream that was opened, and the last one that was not refused. */
  #lastId = 0;
  #lastAcceptedId = 0;
  /** First stream of the last sequence without a gap. */
  #sequenceStart = 1;
  #isEnding = false;

  /** @param onRequest called for each request, with its headers */
  constructor(
    readonly peer: string,
    private readonly outbox: Outbox,
    readonly quota: Quota,
    private readonly onRequest: (stream: Http2Stream) => StreamHandler,
  ) {}

  /** Id of the last stream that was not refused. */
  get lastAcceptedId(): number {
    return this.#lastAcceptedId;
  }

  /** Whether new streams are refused. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Whether there are no streams, and new ones are refused. */
  get areDone(): boolean {
    return this.#isEnding && this.#streams.size === 0;
  }

  /** Number of open streams. */
  get size(): number {
    return this.#streams.size;
  }

  get initialWindow(): number {
    return this.#initialWindow;
  }

  /** Refuses new streams. The outbox calls `onIdle` when the open ones have ended. */
  stopAccepting(): void {
    this.#isEnding = true;
    this.#flushWhenDone();
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of this.#streams.values()) {
      this.outbox.remove(stream);
      stream.close();
    }
    this.#streams.clear();
  }

  encodeHeaders(
    stream: number,
    headers: readonly Header[],
    isEnd: boolean,
  ): Uint8Array {
    return headerFrames(stream, this.#encoder.encode(headers), isEnd);
  }

  sendControl(frames: Uint8Array): void {
    this.outbox.sendControl(frames);
  }

  schedule(stream: Http2Stream): void {
    this.outbox.schedule(stream);
  }

  onEnd(stream: Http2Stream): void {
    // Nothing will read the rest of the request.
    if (stream.isRequestWhole) this.#remove(stream);
    else this.reset(stream, ERROR.none);
  }

  reset({ id, isRequestWhole }: Http2Stream, code: ErrorCode): void {
    this.#sendReset(id, code, isRequestWhole);
  }

  /** @see {@linkcode HpackEncoder.setMaxTableSize} */
  setTableSize(size: number): void {
    this.#encoder.setMaxTableSize(size);
  }

  /** Handles the headers of a request, or its trailers. */
  handleHeaders(block: HeaderBlock): void {
    const { stream: id, isEnd } = block;
    const known = this.#streams.get(id);
    if (known !== undefined) return this.#handleTrailers(known, block);
    if (id > this.#lastId) return this.#openStream(block);
    if (this.#mayPredateReset(id, isEnd)) return;
    if (id < this.#sequenceStart) {
      throw new ConnectionError(ERROR.protocol, "stream ids must increase");
    }
    throw new ConnectionError(ERROR.streamClosed, "HEADERS of a closed stream");
  }

  /** Handles a part of a request's body. */
  handleData(frame: Frame): void {
    const { stream: id, payload: { length } } = frame;
    this.#requireOpened(id);
    this.#unacknowledged += length;
    if (this.#unacknowledged >= WINDOW_UPDATE_AFTER) {
      this.#sendWindowUpdate(0, this.#unacknowledged);
      this.#unacknowledged = 0;
    }
    const data = withoutPadding(frame);
    const isEnd = (frame.flags & FLAG.endStream) !== 0;
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.isRequestWhole) {
      if (this.#mayPredateReset(id, isEnd)) return;
      return this.#fail(
        id,
        ERROR.streamClosed,
        "DATA after the end of a request",
      );
    }
    stream.unacknowledged += length;
    if (stream.unacknowledged >= WINDOW_UPDATE_AFTER && !isEnd) {
      this.#sendWindowUpdate(id, stream.unacknowledged);
      stream.unacknowledged = 0;
    }
    if (stream.remainingBody !== undefined) {
      stream.remainingBody -= data.length;
      if (stream.remainingBody < 0) {
        return this.#fail(
          id,
          ERROR.protocol,
          "body longer than content-length",
        );
      }
    }
    if (isEnd && this.#resetIfIncomplete(stream)) return;
    // Set before the handler may respond: ending the response resets an incomplete request.
    stream.isRequestWhole = isEnd;
    stream.handler?.data(data);
    if (isEnd && !stream.isClosed) stream.handler?.end();
  }

  handlePriority({ stream: id, payload }: Frame): void {
    if (payload.length !== PRIORITY_SIZE) {
      this.#fail(id, ERROR.frameSize, "PRIORITY of a wrong size");
    } else if (streamDependency(payload) === id) {
      this.#fail(id, ERROR.protocol, "stream depends on itself");
    }
  }

  /** Handles RST_STREAM. */
  handleReset(id: number): void {
    this.#requireOpened(id);
    this.#resetIds.delete(id);
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#remove(stream);
  }

  /** Handles WINDOW_UPDATE of a stream. */
  growWindow(id: number, by: number): void {
    this.#requireOpened(id);
    if (by === 0) {
      return this.#fail(id, ERROR.protocol, "WINDOW_UPDATE by 0");
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return; // Sent before the stream ended.
    if (stream.window + by > MAX_WINDOW) {
      return this.#fail(id, ERROR.flowControl, "window too large");
    }
    stream.growWindow(by);
    this.#maxWindowOffset = Math.max(
      this.#maxWindowOffset,
      stream.windowOffset,
    );
    if (stream.sendable > 0) this.schedule(stream);
  }

  /** Handles SETTINGS_INITIAL_WINDOW_SIZE, which applies to open streams, too. */
  setInitialWindow(size: number): void {
    const hasGrown = size > this.#initialWindow;
    if (size + this.#maxWindowOffset > MAX_WINDOW) {
      // Computed only here: the bound may be that of a stream that has ended.
      this.#maxWindowOffset = this.#streams.values()
        .reduce((max, { windowOffset }) => Math.max(max, windowOffset), 0);
      if (size + this.#maxWindowOffset > MAX_WINDOW) {
        throw new ConnectionError(ERROR.flowControl, "window too large");
      }
    }
    this.#initialWindow = size;
    if (hasGrown) this.outbox.recheckBlocked();
  }

  #sendWindowUpdate(stream: number, count: number): void {
    this.sendControl(
      encodeFrame(TYPE.windowUpdate, 0, stream, encodeUint32s(count)),
    );
  }

  /** RFC 9113, 5.1. */
  #isIdle(id: number): boolean {
    return id > this.#lastId || id % 2 === 0;
  }

  /** @throws {ConnectionError} if a stream was never opened */
  #requireOpened(id: number): void {
    if (!this.#isIdle(id)) return;
    throw new ConnectionError(ERROR.protocol, "frame of an idle stream");
  }

  /** Whether the peer may have sent a frame before it knew that the stream was reset. */
  #mayPredateReset(id: number, isEnd: boolean): boolean {
    return isEnd ? this.#resetIds.delete(id) : this.#resetIds.has(id);
  }

  /**
   * Ends a stream with an error: RFC 9113, 5.4.2.
   *
   * @throws {ConnectionError} if it is idle, so that it cannot be reset
   */
  #fail(id: number, code: ErrorCode, message: string): void {
    if (this.#isIdle(id)) throw new ConnectionError(code, message);
    log.debug("stream error", {
      peer: this.peer,
      stream: id,
      problem: message,
    });
    this.#sendReset(id, code, false);
  }

  /** @param isRequestWhole whether no more frames of it can arrive */
  #sendReset(id: number, code: ErrorCode, isRequestWhole: boolean): void {
    this.sendControl(encodeFrame(TYPE.rstStream, 0, id, encodeUint32s(code)));
    if (!isRequestWhole) this.#resetIds.add(id);
    if (this.#resetIds.size > MAX_RESET_IDS) {
      const [oldest = 0] = this.#resetIds;
      this.#resetIds.delete(oldest);
    }
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#remove(stream);
  }

  #openStream(
    { stream: id, isEnd, headers, dependsOnItself }: HeaderBlock,
  ): void {
    if (id > this.#lastId + 2) this.#sequenceStart = id;
    this.#lastId = id;
    if (this.#isEnding || this.#streams.size >= MAX_STREAMS) {
      return this.#sendReset(id, ERROR.refusedStream, isEnd);
    }
    this.#lastAcceptedId = id;
    if (dependsOnItself) {
      return this.#fail(id, ERROR.protocol, "a stream depends on itself");
    }
    if (headers === undefined) {
      this.sendControl(this.encodeHeaders(id, TOO_LARGE, true));
      if (!isEnd) this.#sendReset(id, ERROR.none, isEnd);
      return;
    }
    const fields = parseRequest(headers);
    if (typeof fields === "string") {
      return this.#fail(id, ERROR.protocol, fields);
    }
    const cost = headers.reduce(
      (sum, [name, value]) => sum + name.length + value.length,
      STREAM_COST,
    );
    const stream = new Http2Stream(id, fields, this, cost);
    if (isEnd && this.#resetIfIncomplete(stream)) return;
    if (!stream.reserve(0)) {
      return this.#fail(
        id,
        ERROR.enhanceYourCalm,
        "memory limit of the address exceeded",
      );
    }
    stream.isRequestWhole = isEnd;
    this.#streams.set(id, stream);
    const handler = this.onRequest(stream);
    // The response may be complete already.
    if (stream.isClosed) return handler.close();
    stream.handler = handler;
    if (isEnd) handler.end();
  }

  #handleTrailers(stream: Http2Stream, { isEnd, headers }: HeaderBlock): void {
    const { id } = stream;
    if (stream.isRequestWhole) {
      return this.#fail(
        id,
        ERROR.streamClosed,
        "HEADERS after the end of a request",
      );
    }
    if (headers === undefined) {
      return this.#fail(id, ERROR.enhanceYourCalm, "trailers too large");
    }
    if (!isEnd) {
      return this.#fail(id, ERROR.protocol, "HEADERS within a request");
    }
    const problem = trailersProblem(headers);
    if (problem !== undefined) return this.#fail(id, ERROR.protocol, problem);
    if (this.#resetIfIncomplete(stream)) return;
    stream.isRequestWhole = true;
    stream.handler?.end();
  }

  /** Resets a stream whose body is shorter than announced. @returns whether it is */
  #resetIfIncomplete(
    { id, remainingBody = 0 }: Http2Stream,
  ): boolean {
    if (remainingBody === 0) return false;
    this.#fail(id, ERROR.protocol, "body shorter than content-length");
    return true;
  }

  #remove(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.outbox.remove(stream);
    stream.close();
    this.#flushWhenDone();
  }

  /** Lets the outbox call `onIdle`, even if nothing is left to send. */
  #flushWhenDone(): void {
    if (this.areDone) this.outbox.flush();
  }
}
