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

/** How many streams a connection may have at a time: as many listeners as one address may have by default. */
export const MAX_STREAMS = 1_000;

/** How many streams that this side reset are kept in mind. */
const MAX_RESET_IDS = MAX_STREAMS;

/** The response to a request with too many headers: RFC 6585, 5. */
const TOO_LARGE: readonly Header[] = [[":status", "431"]];

/** Memory that a stream takes besides its headers, in bytes. */
const STREAM_COST = 4_096;

/** After so many bytes the peer is told that there is room again. */
const WINDOW_UPDATE_AFTER = INITIAL_WINDOW >> 1;

/**
 * The streams of a connection: how they begin and end, what comes for them,
 * and how much each of them may send.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-5
 */
export class Streams implements StreamConnection {
  readonly #streams = new Map<number, Http2Stream>();
  readonly #encoder = new HpackEncoder();
  /** Streams that this side reset: what the peer sent before it knew is no error. */
  readonly #resetIds = new Set<number>();
  #initialWindow = INITIAL_WINDOW;
  /** No stream has room for more than this besides the first window, in bytes. */
  #maxWindowOffset = 0;
  /** How much came since the peer was told that there is room on the connection again, in bytes. */
  #unacknowledged = 0;
  /** The last stream that began, and the last one that was not refused. */
  #lastId = 0;
  #lastAcceptedId = 0;
  /** Since which stream the peer has left out none. */
  #sequenceStart = 1;
  #isEnding = false;

  /** @param open called for each request, with its headers */
  constructor(
    readonly peer: string,
    private readonly outbox: Outbox,
    readonly quota: Quota,
    private readonly open: (stream: Http2Stream) => StreamHandler,
  ) {}

  /** The number of the last one that was not refused. */
  get lastAcceptedId(): number {
    return this.#lastAcceptedId;
  }

  /** Whether no new ones are taken. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Whether there are none, and will be none. */
  get areDone(): boolean {
    return this.#isEnding && this.#streams.size === 0;
  }

  /** How many are open. */
  get size(): number {
    return this.#streams.size;
  }

  get initialWindow(): number {
    return this.#initialWindow;
  }

  /** Takes no new ones; the outbox calls back when those that are there are over. */
  stopAccepting(): void {
    this.#isEnding = true;
    this.#flushWhenDone();
  }

  /** Ends all. */
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
    // All is said: the peer need not go on with what nobody reads.
    if (stream.isRequestWhole) this.#remove(stream);
    else this.reset(stream, ERROR.none);
  }

  reset({ id, isRequestWhole }: Http2Stream, code: ErrorCode): void {
    this.#sendReset(id, code, isRequestWhole);
  }

  /** The peer allows a smaller or a larger table for the compression of headers. */
  setTableSize(size: number): void {
    this.#encoder.setMaxTableSize(size);
  }

  /** The peer begins a request, or ends it with trailers. */
  handleHeaders(block: HeaderBlock): void {
    const { stream: id, isEnd } = block;
    const known = this.#streams.get(id);
    if (known !== undefined) return this.#handleTrailers(known, block);
    if (id > this.#lastId) return this.#openStream(block);
    if (this.#mayPredateReset(id, isEnd)) return;
    if (id < this.#sequenceStart) {
      throw new ConnectionError(ERROR.protocol, "streams begin in order");
    }
    throw new ConnectionError(ERROR.streamClosed, "headers of a closed stream");
  }

  /** The peer sends a part of a request's body. */
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
      return this.#fail(id, ERROR.streamClosed, "data behind a request's end");
    }
    stream.unacknowledged += length;
    if (stream.unacknowledged >= WINDOW_UPDATE_AFTER && !isEnd) {
      this.#sendWindowUpdate(id, stream.unacknowledged);
      stream.unacknowledged = 0;
    }
    if (stream.remainingBody !== undefined) {
      stream.remainingBody -= data.length;
      if (stream.remainingBody < 0) {
        return this.#fail(id, ERROR.protocol, "more than content-length says");
      }
    }
    if (isEnd && this.#resetIfIncomplete(stream)) return;
    // What is answered to this part is answered to all of the request.
    stream.isRequestWhole = isEnd;
    stream.handler?.data(data);
    if (isEnd && !stream.isClosed) stream.handler?.end();
  }

  handlePriority({ stream: id, payload }: Frame): void {
    if (payload.length !== PRIORITY_SIZE) {
      this.#fail(id, ERROR.frameSize, "a priority of the wrong length");
    } else if (streamDependency(payload) === id) {
      this.#fail(id, ERROR.protocol, "a stream depends on itself");
    }
  }

  /** The peer breaks a stream off. */
  handleReset(id: number): void {
    this.#requireOpened(id);
    this.#resetIds.delete(id);
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#remove(stream);
  }

  /** The peer has room for more of a stream. */
  growWindow(id: number, by: number): void {
    this.#requireOpened(id);
    if (by === 0) {
      return this.#fail(id, ERROR.protocol, "a window grows by nothing");
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return; // It was on its way.
    if (stream.window + by > MAX_WINDOW) {
      return this.#fail(id, ERROR.flowControl, "too wide a window");
    }
    stream.growWindow(by);
    this.#maxWindowOffset = Math.max(
      this.#maxWindowOffset,
      stream.windowOffset,
    );
    if (stream.sendable > 0) this.schedule(stream);
  }

  /** The peer says how much each stream may send at first: of those that are there, too. */
  setInitialWindow(size: number): void {
    const isWider = size > this.#initialWindow;
    if (size + this.#maxWindowOffset > MAX_WINDOW) {
      // Only here all are looked at: of those that have ended it may be more.
      this.#maxWindowOffset = this.#streams.values()
        .reduce((most, { windowOffset: credit }) => Math.max(most, credit), 0);
      if (size + this.#maxWindowOffset > MAX_WINDOW) {
        throw new ConnectionError(ERROR.flowControl, "too wide a window");
      }
    }
    this.#initialWindow = size;
    if (isWider) this.outbox.recheckBlocked();
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

  /** @throws {ConnectionError} when a stream is idle */
  #requireOpened(id: number): void {
    if (!this.#isIdle(id)) return;
    throw new ConnectionError(ERROR.protocol, "a frame of an idle stream");
  }

  /** Whether a frame may have been sent before the peer knew that its stream was reset. */
  #mayPredateReset(id: number, isEnd: boolean): boolean {
    return isEnd ? this.#resetIds.delete(id) : this.#resetIds.has(id);
  }

  /**
   * Ends a stream with an error: RFC 9113, 5.4.2.
   *
   * @throws {ConnectionError} when it is idle: it cannot be reset
   */
  #fail(id: number, code: ErrorCode, message: string): void {
    if (this.#isIdle(id)) throw new ConnectionError(code, message);
    log.debug("a stream is broken", {
      peer: this.peer,
      stream: id,
      problem: message,
    });
    this.#sendReset(id, code, false);
  }

  /** @param isRequestWhole nothing more of it can be under way */
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
      return this.#fail(id, ERROR.enhanceYourCalm, "the peer has too much");
    }
    stream.isRequestWhole = isEnd;
    this.#streams.set(id, stream);
    const handler = this.open(stream);
    // It may have been answered at once.
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
        "headers behind a request's end",
      );
    }
    if (headers === undefined) {
      return this.#fail(id, ERROR.enhanceYourCalm, "too many trailers");
    }
    if (!isEnd) return this.#fail(id, ERROR.protocol, "headers amid a request");
    const problem = trailersProblem(headers);
    if (problem !== undefined) return this.#fail(id, ERROR.protocol, problem);
    if (this.#resetIfIncomplete(stream)) return;
    stream.isRequestWhole = true;
    stream.handler?.end();
  }

  /** Ends a stream whose request has ended before all of its body came. */
  #resetIfIncomplete(
    { id, remainingBody: unreceived = 0 }: Http2Stream,
  ): boolean {
    if (unreceived === 0) return false;
    this.#fail(id, ERROR.protocol, "less than content-length says");
    return true;
  }

  #remove(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.outbox.remove(stream);
    stream.close();
    this.#flushWhenDone();
  }

  /** The outbox calls back when all is sent, also when that is nothing. */
  #flushWhenDone(): void {
    if (this.areDone) this.outbox.flush();
  }
}
