import { ConnectionError, ERROR, type ErrorCode } from "./errors.ts";
import {
  encodeFrame,
  FIRST_WINDOW,
  FLAG,
  type Frame,
  MAX_WINDOW,
  TYPE,
  unpadded,
  words,
} from "./frame.ts";
import type { HeaderBlock } from "./header_block.ts";
import type { Outbox } from "./outbox.ts";
import { type Carrier, Http2Stream, type StreamHandler } from "./stream.ts";

/** How many streams a connection may have at a time. */
export const MAX_STREAMS = 2_000;

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
  #firstWindow = FIRST_WINDOW;
  /** How much came since the peer was told that there is room on the connection again, in bytes. */
  #received = 0;
  #last = 0;
  #isEnding = false;

  /** @param open called for each request, with its headers */
  constructor(
    readonly peer: string,
    private readonly outbox: Outbox,
    private readonly open: (stream: Http2Stream) => StreamHandler,
  ) {}

  /** The number of the last one that began. */
  get last(): number {
    return this.#last;
  }

  /** Whether no new ones are taken. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Whether there are none, and will be none. */
  get areDone(): boolean {
    return this.#isEnding && this.#streams.size === 0;
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

  post(frame: Uint8Array): void {
    this.outbox.post(frame);
  }

  ready(stream: Http2Stream): void {
    this.outbox.add(stream);
  }

  ended(stream: Http2Stream): void {
    // All is said: the peer need not go on with what nobody reads.
    if (stream.isRequestWhole) this.#drop(stream);
    else this.reset(stream, ERROR.none);
  }

  reset(stream: Http2Stream, code: ErrorCode): void {
    this.post(encodeFrame(TYPE.rstStream, 0, stream.id, words(code)));
    this.#drop(stream);
  }

  /** The peer begins a request, or ends it with trailers. */
  takeHeaders({ stream: id, isEnd, headers }: HeaderBlock): void {
    const known = this.#streams.get(id);
    if (known !== undefined) {
      // Trailers: they say no more than that.
      if (isEnd) return this.#endRequest(known);
      throw new ConnectionError(ERROR.protocol, "headers amid a request");
    }
    if (id <= this.#last) return; // It was on its way.
    this.#last = id;
    const stream = new Http2Stream(
      id,
      new Map(headers),
      this.#firstWindow,
      this,
    );
    if (this.#isEnding || this.#streams.size >= MAX_STREAMS) {
      return this.reset(stream, ERROR.refusedStream);
    }
    this.#streams.set(id, stream);
    const handler = this.open(stream);
    // It may have been answered at once.
    if (stream.isOver) return handler.close();
    stream.handler = handler;
    if (isEnd) this.#endRequest(stream);
  }

  /** The peer sends a part of a request's body. */
  takeData(frame: Frame): void {
    const { length } = frame.payload;
    this.#received += length;
    if (this.#received >= REPLENISH) {
      this.#replenish(0, this.#received);
      this.#received = 0;
    }
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined || stream.isRequestWhole) {
      if (frame.stream <= this.#last) return; // It was on its way.
      throw new ConnectionError(ERROR.protocol, "data of no stream");
    }
    stream.received += length;
    const isEnd = (frame.flags & FLAG.endStream) !== 0;
    if (stream.received >= REPLENISH && !isEnd) {
      this.#replenish(stream.id, stream.received);
      stream.received = 0;
    }
    stream.handler?.data(unpadded(frame));
    if (isEnd) this.#endRequest(stream);
  }

  /** The peer breaks a stream off. */
  takeReset(id: number): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#drop(stream);
  }

  /** The peer has room for more of a stream. */
  widen(id: number, by: number): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#widen(stream, by);
  }

  /** The peer says how much each stream may send at first: of those that are there, too. */
  setFirstWindow(size: number): void {
    if (size > MAX_WINDOW) {
      throw new ConnectionError(ERROR.flowControl, "too wide a window");
    }
    const change = size - this.#firstWindow;
    this.#firstWindow = size;
    for (const stream of this.#streams.values()) this.#widen(stream, change);
  }

  #widen(stream: Http2Stream, by: number): void {
    stream.window += by;
    if (stream.window > MAX_WINDOW) {
      throw new ConnectionError(ERROR.flowControl, "too wide a window");
    }
    if (stream.sendable > 0) this.ready(stream);
  }

  #replenish(stream: number, count: number): void {
    this.post(encodeFrame(TYPE.windowUpdate, 0, stream, words(count)));
  }

  #endRequest(stream: Http2Stream): void {
    if (stream.isRequestWhole) return;
    stream.isRequestWhole = true;
    stream.handler?.end();
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
