import {
  checkFrame,
  ConnectionError,
  encodeFrame,
  ERROR,
  type ErrorCode,
  FLAG,
  type Frame,
  FrameReader,
  MAX_WINDOW,
  SETTING,
  settingsFrame,
  settingsOf,
  TYPE,
  wordAt,
  words,
} from "./frame.ts";
import { HeaderBlocks, MAX_HEADERS } from "./header_block.ts";
import { HpackError } from "./hpack.ts";
import { Outbox } from "./outbox.ts";
import { costOf, type Quota } from "./quota.ts";
import type { Http2Stream, StreamHandler } from "./stream.ts";
import { MAX_STREAMS, Streams } from "./streams.ts";

/** After so many frames it is looked whether it is time for others. */
const LOOK_EVERY = 16;

/**
 * One connection of HTTP/2, at the server's end, after the preface. What it
 * holds for a peer is bounded, whatever that does: a body is sent as the peer
 * has room for it, from the bytes that all share.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113
 */
export class Http2Connection {
  readonly #frames = new FrameReader();
  readonly #blocks = new HeaderBlocks();
  readonly #outbox: Outbox;
  readonly #streams: Streams;
  /** The peer has sent its settings, which come first. */
  #hasBegun = false;
  #isOver = false;
  /** Memory that was taken of the quota for frames and blocks that are not whole yet, in bytes. */
  #taken = 0;
  /** Something came since the last look. */
  #isAlive = true;
  #usedAt = performance.now();

  /** @param open called for each request, with its headers */
  constructor(
    private readonly conn: Deno.Conn,
    peer: string,
    private readonly quota: Quota,
    open: (stream: Http2Stream) => StreamHandler,
  ) {
    this.#outbox = new Outbox(
      conn,
      quota,
      () => {
        if (this.#streams.areDone) this.close();
      },
      () => this.close(),
    );
    this.#streams = new Streams(peer, this.#outbox, quota, open);
    this.#outbox.post(settingsFrame([
      [SETTING.maxConcurrentStreams, MAX_STREAMS],
      [SETTING.maxHeaderListSize, MAX_HEADERS],
    ]));
  }

  /** When it was last used, as `performance.now()`; undefined: it is at present, or it ends. */
  get idleSince(): number | undefined {
    const { isEnding, size } = this.#streams;
    return isEnding || size > 0 ? undefined : this.#usedAt;
  }

  /**
   * Takes what arrived. Others are served in between, and first, where the
   * peer does not read what it is answered.
   *
   * @returns why the connection is over; undefined: it is not
   */
  async receive(chunk: Uint8Array): Promise<string | undefined> {
    this.#isAlive = true;
    const { slice } = this.quota;
    if (slice.isOver) await slice.next();
    let begin = this.#usedAt = performance.now();
    let count = 0;
    try {
      for (const frame of this.#frames.push(chunk)) {
        // It may have been closed while this waited.
        if (this.#isOver) return;
        this.#take(frame);
        if (++count % LOOK_EVERY > 0) continue;
        slice.spend(performance.now() - begin);
        if (slice.isOver) await slice.next();
        begin = performance.now();
      }
      if (this.#isOver) return;
      this.#keep();
      slice.spend(performance.now() - begin);
      await this.#outbox.drained();
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
    this.#outbox.post(encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8)));
    return true;
  }

  /** Takes no new streams; the connection is over when those that are there are. */
  end(): void {
    if (this.#streams.isEnding) return;
    this.#streams.end();
    this.#sendGoaway(ERROR.none);
  }

  /** Ends all: the connection is lost, or is to be. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.quota.give(this.#taken);
    this.#outbox.close();
    this.#streams.close();
    try {
      this.conn.close();
    } catch {
      // It was closed before.
    }
  }

  /** @param elapsed since the last call, in ms @returns for how long the peer has read nothing of what is there for it, in ms */
  tick(elapsed: number): number {
    return this.#outbox.tick(elapsed);
  }

  /** Notes what is kept until more arrives. @throws {ConnectionError} when the peer has too much */
  #keep(): void {
    const taken = costOf(this.#frames.held) + costOf(this.#blocks.held);
    const more = taken - this.#taken;
    if (more > 0 && !this.quota.take(more)) {
      throw new ConnectionError(ERROR.enhanceYourCalm, "too much is kept");
    }
    if (more < 0) this.quota.give(-more);
    this.#taken = taken;
  }

  #take(frame: Frame): void {
    const { type } = frame;
    if (this.#blocks.isOpen !== (type === TYPE.continuation)) {
      throw new ConnectionError(ERROR.protocol, "a header block is broken off");
    }
    checkFrame(frame);
    if (!this.#hasBegun) this.#begin(frame);
    switch (type) {
      case TYPE.data:
        return this.#streams.takeData(frame);
      case TYPE.headers:
      case TYPE.continuation: {
        const block = this.#blocks.take(frame);
        return block && this.#streams.takeHeaders(block);
      }
      case TYPE.priority:
        return this.#streams.takePriority(frame);
      case TYPE.rstStream:
        return this.#streams.takeReset(frame.stream);
      case TYPE.settings:
        return this.#takeSettings(frame);
      case TYPE.ping:
        if (frame.flags & FLAG.ack) return;
        return this.#outbox.post(encodeFrame(type, FLAG.ack, 0, frame.payload));
      case TYPE.goaway:
        return this.#streams.end();
      case TYPE.windowUpdate:
        return this.#takeWindowUpdate(frame);
      case TYPE.pushPromise:
        throw new ConnectionError(ERROR.protocol, "a client cannot push");
    }
  }

  /** RFC 9113, 3.4. */
  #begin({ type, flags }: Frame): void {
    if (type !== TYPE.settings || flags & FLAG.ack) {
      throw new ConnectionError(
        ERROR.protocol,
        "the settings do not come first",
      );
    }
    this.#hasBegun = true;
  }

  #takeSettings({ flags, payload }: Frame): void {
    if (flags & FLAG.ack) {
      if (payload.length === 0) return;
      throw new ConnectionError(
        ERROR.frameSize,
        "settings in what confirms them",
      );
    }
    for (const [id, value] of settingsOf(payload)) {
      if (id === SETTING.initialWindowSize) this.#streams.setFirstWindow(value);
      if (id === SETTING.headerTableSize) this.#streams.setTableSize(value);
    }
    this.#outbox.post(encodeFrame(TYPE.settings, FLAG.ack, 0));
  }

  #takeWindowUpdate({ stream, payload }: Frame): void {
    const by = wordAt(payload, 0) & MAX_WINDOW;
    if (stream !== 0) return this.#streams.widen(stream, by);
    if (by === 0) {
      throw new ConnectionError(ERROR.protocol, "a window grows by nothing");
    }
    if (!this.#outbox.widen(by)) {
      throw new ConnectionError(ERROR.flowControl, "too wide a window");
    }
  }

  #sendGoaway(code: ErrorCode): void {
    const payload = words(this.#streams.last, code);
    this.#outbox.post(encodeFrame(TYPE.goaway, 0, 0, payload));
  }

  /** Says why, and ends the connection. */
  #fail(code: ErrorCode): void {
    this.#streams.end();
    this.#streams.close();
    this.#sendGoaway(code);
  }
}

function toConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  if (error instanceof HpackError) {
    return new ConnectionError(ERROR.compression, error.message);
  }
  throw error;
}
