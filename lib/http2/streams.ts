import { getLogger } from "@logtape/logtape";
import {
  ConnectionError,
  encodeFrame,
  ERROR,
  type ErrorCode,
  FIRST_WINDOW,
  FLAG,
  type Frame,
  MAX_WINDOW,
  TYPE,
  unpadded,
  words,
} from "./frame.ts";
import {
  dependencyOf,
  type HeaderBlock,
  headerFrames,
  PRIORITY_LENGTH,
} from "./header_block.ts";
import { type Header, HpackEncoder } from "./hpack.ts";
import type { Outbox } from "./outbox.ts";
import type { Quota } from "./quota.ts";
import { parseRequest, problemOfTrailers } from "./request.ts";
import { type Carrier, Http2Stream, type StreamHandler } from "./stream.ts";

const log = getLogger(["lainlet", "http2"]);

/** How many streams a connection may have at a time: as many listeners as one address may have by default. */
export const MAX_STREAMS = 1_000;

/** How many streams that this side reset are kept in mind. */
const MAX_RESET = MAX_STREAMS;

/** The response to a request with too many headers: RFC 6585, 5. */
const TOO_LARGE: readonly Header[] = [[":status", "431"]];

/** Memory that a stream takes besides its headers, in bytes. */
const STREAM_COST = 4_096;

/** After so many bytes the peer is told that there is room again. */
const REPLENISH = FIRST_WINDOW >> 1;

/**
 * The streams of a connection: how they begin and end, what comes for them,
 * and how much each of them may send.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-5
 */
export class Streams implements Carrier {
  readonly #streams = new Map<number, Http2Stream>();
  readonly #encoder = new HpackEncoder();
  /** Streams that this side reset: what the peer sent before it knew is no error. */
  readonly #reset = new Set<number>();
  #firstWindow = FIRST_WINDOW;
  /** No stream has room for more than this besides the first window, in bytes. */
  #mostCredit = 0;
  /** How much came since the peer was told that there is room on the connection again, in bytes. */
  #received = 0;
  /** The last stream that began, and the last one that was not refused. */
  #last = 0;
  #accepted = 0;
  /** Since which stream the peer has left out none. */
  #sequence = 1;
  #isEnding = false;

  /** @param open called for each request, with its headers */
  constructor(
    readonly peer: string,
    private readonly outbox: Outbox,
    readonly quota: Quota,
    private readonly open: (stream: Http2Stream) => StreamHandler,
  ) {}

  /** The number of the last one that was not refused. */
  get last(): number {
    return this.#accepted;
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

  get firstWindow(): number {
    return this.#firstWindow;
  }

  /** Takes no new ones; the outbox calls back when those that are there are over. */
  end(): void {
    this.#isEnding = true;
    this.#endWhenDone();
  }

  /** Ends all. */
  close(): void {
    for (const stream of this.#streams.values()) {
      this.outbox.remove(stream);
      stream.close();
    }
    this.#streams.clear();
  }

  frame(
    stream: number,
    headers: readonly Header[],
    isEnd: boolean,
  ): Uint8Array {
    return headerFrames(stream, this.#encoder.encode(headers), isEnd);
  }

  post(frames: Uint8Array): void {
    this.outbox.post(frames);
  }

  ready(stream: Http2Stream): void {
    this.outbox.add(stream);
  }

  ended(stream: Http2Stream): void {
    // All is said: the peer need not go on with what nobody reads.
    if (stream.isRequestWhole) this.#drop(stream);
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
  takeHeaders(block: HeaderBlock): void {
    const { stream: id, isEnd } = block;
    const known = this.#streams.get(id);
    if (known !== undefined) return this.#takeTrailers(known, block);
    if (id > this.#last) return this.#begin(block);
    if (this.#isUnderWay(id, isEnd)) return;
    if (id < this.#sequence) {
      throw new ConnectionError(ERROR.protocol, "streams begin in order");
    }
    throw new ConnectionError(ERROR.streamClosed, "headers of a closed stream");
  }

  /** The peer sends a part of a request's body. */
  takeData(frame: Frame): void {
    const { stream: id, payload: { length } } = frame;
    this.#checkBegun(id);
    this.#received += length;
    if (this.#received >= REPLENISH) {
      this.#replenish(0, this.#received);
      this.#received = 0;
    }
    const data = unpadded(frame);
    const isEnd = (frame.flags & FLAG.endStream) !== 0;
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.isRequestWhole) {
      if (this.#isUnderWay(id, isEnd)) return;
      return this.#fail(id, ERROR.streamClosed, "data behind a request's end");
    }
    stream.received += length;
    if (stream.received >= REPLENISH && !isEnd) {
      this.#replenish(id, stream.received);
      stream.received = 0;
    }
    if (stream.unreceived !== undefined) {
      stream.unreceived -= data.length;
      if (stream.unreceived < 0) {
        return this.#fail(id, ERROR.protocol, "more than content-length says");
      }
    }
    if (isEnd && this.#isShort(stream)) return;
    // What is answered to this part is answered to all of the request.
    stream.isRequestWhole = isEnd;
    stream.handler?.data(data);
    if (isEnd && !stream.isOver) stream.handler?.end();
  }

  takePriority({ stream: id, payload }: Frame): void {
    if (payload.length !== PRIORITY_LENGTH) {
      this.#fail(id, ERROR.frameSize, "a priority of the wrong length");
    } else if (dependencyOf(payload) === id) {
      this.#fail(id, ERROR.protocol, "a stream depends on itself");
    }
  }

  /** The peer breaks a stream off. */
  takeReset(id: number): void {
    this.#checkBegun(id);
    this.#reset.delete(id);
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#drop(stream);
  }

  /** The peer has room for more of a stream. */
  widen(id: number, by: number): void {
    this.#checkBegun(id);
    if (by === 0) {
      return this.#fail(id, ERROR.protocol, "a window grows by nothing");
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return; // It was on its way.
    if (stream.window + by > MAX_WINDOW) {
      return this.#fail(id, ERROR.flowControl, "too wide a window");
    }
    stream.widen(by);
    this.#mostCredit = Math.max(this.#mostCredit, stream.credit);
    if (stream.sendable > 0) this.ready(stream);
  }

  /** The peer says how much each stream may send at first: of those that are there, too. */
  setFirstWindow(size: number): void {
    const isWider = size > this.#firstWindow;
    if (size + this.#mostCredit > MAX_WINDOW) {
      // Only here all are looked at: of those that have ended it may be more.
      this.#mostCredit = this.#streams.values()
        .reduce((most, { credit }) => Math.max(most, credit), 0);
      if (size + this.#mostCredit > MAX_WINDOW) {
        throw new ConnectionError(ERROR.flowControl, "too wide a window");
      }
    }
    this.#firstWindow = size;
    if (isWider) this.outbox.widenAll();
  }

  #replenish(stream: number, count: number): void {
    this.post(encodeFrame(TYPE.windowUpdate, 0, stream, words(count)));
  }

  /** RFC 9113, 5.1. */
  #isIdle(id: number): boolean {
    return id > this.#last || id % 2 === 0;
  }

  /** @throws {ConnectionError} when a stream is idle */
  #checkBegun(id: number): void {
    if (!this.#isIdle(id)) return;
    throw new ConnectionError(ERROR.protocol, "a frame of an idle stream");
  }

  /** Whether a frame may have been sent before the peer knew that its stream was reset. */
  #isUnderWay(id: number, isEnd: boolean): boolean {
    return isEnd ? this.#reset.delete(id) : this.#reset.has(id);
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
    this.post(encodeFrame(TYPE.rstStream, 0, id, words(code)));
    if (!isRequestWhole) this.#reset.add(id);
    if (this.#reset.size > MAX_RESET) {
      const [oldest = 0] = this.#reset;
      this.#reset.delete(oldest);
    }
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#drop(stream);
  }

  #begin({ stream: id, isEnd, headers, dependsOnItself }: HeaderBlock): void {
    if (id > this.#last + 2) this.#sequence = id;
    this.#last = id;
    if (this.#isEnding || this.#streams.size >= MAX_STREAMS) {
      return this.#sendReset(id, ERROR.refusedStream, isEnd);
    }
    this.#accepted = id;
    if (dependsOnItself) {
      return this.#fail(id, ERROR.protocol, "a stream depends on itself");
    }
    if (headers === undefined) {
      this.post(this.frame(id, TOO_LARGE, true));
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
    if (isEnd && this.#isShort(stream)) return;
    if (!stream.keep(0)) {
      return this.#fail(id, ERROR.enhanceYourCalm, "the peer has too much");
    }
    stream.isRequestWhole = isEnd;
    this.#streams.set(id, stream);
    const handler = this.open(stream);
    // It may have been answered at once.
    if (stream.isOver) return handler.close();
    stream.handler = handler;
    if (isEnd) handler.end();
  }

  #takeTrailers(stream: Http2Stream, { isEnd, headers }: HeaderBlock): void {
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
    const problem = problemOfTrailers(headers);
    if (problem !== undefined) return this.#fail(id, ERROR.protocol, problem);
    if (this.#isShort(stream)) return;
    stream.isRequestWhole = true;
    stream.handler?.end();
  }

  /** Ends a stream whose request has ended before all of its body came. */
  #isShort({ id, unreceived = 0 }: Http2Stream): boolean {
    if (unreceived === 0) return false;
    this.#fail(id, ERROR.protocol, "less than content-length says");
    return true;
  }

  #drop(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.outbox.remove(stream);
    stream.close();
    this.#endWhenDone();
  }

  /** The outbox calls back when all is sent, also when that is nothing. */
  #endWhenDone(): void {
    if (this.areDone) this.outbox.flush();
  }
}
