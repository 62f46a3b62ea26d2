import { ConnectionError, ERROR, type ErrorCode } from "./errors.ts";
import {
  encodeFrame,
  FIRST_WINDOW,
  FLAG,
  type Frame,
  FrameReader,
  MAX_WINDOW,
  SETTING,
  settingsFrame,
  TYPE,
  unpadded,
  wordAt,
  words,
} from "./frame.ts";
import { Outbox } from "./outbox.ts";
import { type HeaderBlock, HeaderBlocks, MAX_HEADERS } from "./header_block.ts";
import { HpackError } from "./hpack.ts";
import { type Carrier, Http2Stream, type StreamHandler } from "./stream.ts";

/** How many streams a connection may have at a time. */
const MAX_STREAMS = 2_000;

/** After so many bytes the peer is told that there is room again. */
const REPLENISH = FIRST_WINDOW >> 1;

/**
 * One connection of HTTP/2, at the server's end, after the preface. What it
 * holds for a peer is bounded, whatever that does: a body is sent as the peer
 * has room for it, from the bytes that all share.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113
 */
export class Http2Connection implements Carrier {
  readonly #streams = new Map<number, Http2Stream>();
  readonly #frames = new FrameReader();
  readonly #blocks = new HeaderBlocks();
  readonly #outbox: Outbox;
  #firstWindow = FIRST_WINDOW;
  #received = 0;
  #lastStream = 0;
  /** No new stream is taken. */
  #isEnding = false;
  #isOver = false;
  /** Something came since the last look. */
  #isAlive = true;

  /** @param open called for each request, with its headers */
  constructor(
    private readonly conn: Deno.Conn,
    readonly peer: string,
    private readonly open: (stream: Http2Stream) => StreamHandler,
  ) {
    this.#outbox = new Outbox(
      conn,
      () => {
        if (this.#isEnding && this.#streams.size === 0) this.close();
      },
      () => this.close(),
    );
    this.post(settingsFrame([
      [SETTING.maxConcurrentStreams, MAX_STREAMS],
      [SETTING.maxHeaderListSize, MAX_HEADERS],
    ]));
  }

  /** Takes what came. @returns why the connection is over; undefined: it is not */
  receive(chunk: Uint8Array): string | undefined {
    this.#isAlive = true;
    try {
      for (const frame of this.#frames.push(chunk)) {
        this.#take(frame);
        if (this.#isOver) break;
      }
    } catch (error) {
      const { code, message } = toConnectionError(error);
      this.#fail(code);
      return message;
    }
  }

  /** Asks for a sign of life. @returns false when there was none since the last time */
  check(): boolean {
    if (!this.#isAlive) return false;
    this.#isAlive = false;
    this.post(encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8)));
    return true;
  }

  /** Takes no new streams; the connection is over when those that are there are. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#sendGoaway(ERROR.none);
    this.#endWhenDone();
  }

  /** Ends all: the connection is lost, or is to be. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outbox.close();
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
    try {
      this.conn.close();
    } catch {
      // It was closed before.
    }
  }

  ended(stream: Http2Stream): void {
    // All is said: the peer need not go on with what nobody reads.
    if (stream.isRequestWhole) this.#drop(stream);
    else this.reset(stream, ERROR.none);
  }

  ready(stream: Http2Stream): void {
    this.#outbox.add(stream);
  }

  reset(stream: Http2Stream, code: ErrorCode): void {
    this.post(encodeFrame(TYPE.rstStream, 0, stream.id, words(code)));
    this.#drop(stream);
  }

  #drop(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.#outbox.remove(stream);
    stream.close();
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (this.#isEnding && this.#streams.size === 0) this.#outbox.flush();
  }

  #take(frame: Frame): void {
    const { type } = frame;
    if (this.#blocks.isOpen !== (type === TYPE.continuation)) {
      throw new ConnectionError(ERROR.protocol, "a header block is broken off");
    }
    switch (type) {
      case TYPE.data:
        return this.#takeData(frame);
      case TYPE.headers:
      case TYPE.continuation: {
        const block = this.#blocks.take(frame, type === TYPE.headers);
        return block && this.#takeHeaders(block);
      }
      case TYPE.rstStream: {
        const stream = this.#streams.get(frame.stream);
        if (stream !== undefined) this.#drop(stream);
        return;
      }
      case TYPE.settings:
        return this.#takeSettings(frame);
      case TYPE.ping:
        if (frame.flags & FLAG.ack) return;
        return this.post(encodeFrame(type, FLAG.ack, 0, frame.payload));
      case TYPE.goaway:
        this.#isEnding = true;
        return this.#endWhenDone();
      case TYPE.windowUpdate:
        return this.#takeWindowUpdate(frame);
      case TYPE.pushPromise:
        throw new ConnectionError(ERROR.protocol, "a client cannot push");
    }
  }

  #takeData(frame: Frame): void {
    const { length } = frame.payload;
    this.#received += length;
    if (this.#received >= REPLENISH) {
      this.#replenish(0, this.#received);
      this.#received = 0;
    }
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined || stream.isRequestWhole) {
      if (frame.stream <= this.#lastStream) return; // It was on its way.
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

  #replenish(stream: number, count: number): void {
    this.post(encodeFrame(TYPE.windowUpdate, 0, stream, words(count)));
  }

  #endRequest(stream: Http2Stream): void {
    if (stream.isRequestWhole) return;
    stream.isRequestWhole = true;
    stream.handler?.end();
  }

  #takeHeaders({ stream: id, isEnd, headers }: HeaderBlock): void {
    const known = this.#streams.get(id);
    if (known !== undefined) {
      // Trailers: they say no more than that.
      if (isEnd) return this.#endRequest(known);
      throw new ConnectionError(ERROR.protocol, "headers amid a request");
    }
    if (id <= this.#lastStream) return; // It was on its way.
    this.#lastStream = id;
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

  #takeSettings({ flags, payload }: Frame): void {
    if (flags & FLAG.ack) return;
    if (payload.length % 6 !== 0) {
      throw new ConnectionError(ERROR.frameSize, "settings are cut off");
    }
    const view = new DataView(payload.buffer, payload.byteOffset);
    for (let at = 0; at < payload.length; at += 6) {
      if (view.getUint16(at) !== SETTING.initialWindowSize) continue;
      const size = view.getUint32(at + 2);
      if (size > MAX_WINDOW) {
        throw new ConnectionError(ERROR.flowControl, "too wide a window");
      }
      const change = size - this.#firstWindow;
      this.#firstWindow = size;
      for (const stream of this.#streams.values()) {
        this.#widen(stream, change);
      }
    }
    this.post(encodeFrame(TYPE.settings, FLAG.ack, 0));
  }

  #takeWindowUpdate({ stream: id, payload }: Frame): void {
    if (payload.length !== 4) {
      throw new ConnectionError(ERROR.frameSize, "a window update is cut off");
    }
    const by = wordAt(payload, 0) & MAX_WINDOW;
    if (id !== 0) {
      const stream = this.#streams.get(id);
      if (stream !== undefined) this.#widen(stream, by);
      return;
    }
    if (!this.#outbox.widen(by)) {
      throw new ConnectionError(ERROR.flowControl, "too wide a window");
    }
  }

  #widen(stream: Http2Stream, by: number): void {
    stream.window += by;
    if (stream.window > MAX_WINDOW) {
      throw new ConnectionError(ERROR.flowControl, "too wide a window");
    }
    if (stream.sendable > 0) this.ready(stream);
  }

  post(frame: Uint8Array): void {
    this.#outbox.post(frame);
  }

  #sendGoaway(code: ErrorCode): void {
    this.post(encodeFrame(TYPE.goaway, 0, 0, words(this.#lastStream, code)));
  }

  /** Says why, and ends the connection. */
  #fail(code: ErrorCode): void {
    this.#isEnding = true;
    for (const stream of this.#streams.values()) {
      this.#outbox.remove(stream);
      stream.close();
    }
    this.#streams.clear();
    this.#sendGoaway(code);
  }
}

function toConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  if (error instanceof HpackError) {
    return new ConnectionError(ERROR.compression, error.message);
  }
  if (error instanceof RangeError) {
    return new ConnectionError(ERROR.frameSize, error.message);
  }
  throw error;
}
