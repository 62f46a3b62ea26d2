import {
  checkFrame,
  ConnectionError,
  encodeFrame,
  encodeUint32s,
  ERROR,
  type ErrorCode,
  FLAG,
  type Frame,
  FrameReader,
  MAX_WINDOW,
  parseSettings,
  SETTING,
  settingsFrame,
  TYPE,
  uint32At,
} from "./frame.ts";
import { HeaderBlockReader, MAX_HEADER_LIST_SIZE } from "./header_block.ts";
import { HpackError } from "./hpack.ts";
import { Outbox } from "./outbox.ts";
import { bufferCost, type Quota } from "./quota.ts";
import type { Http2Stream, StreamHandler } from "./stream.ts";
import { MAX_STREAMS, Streams } from "./streams.ts";

/** After so many frames it is looked whether it is time for others. */
const YIELD_CHECK_EVERY = 16;

/**
 * One connection of HTTP/2, at the server's end, after the preface. What it
 * holds for a peer is bounded, whatever that does: a body is sent as the peer
 * has room for it, from the bytes that all share.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113
 */
export class Http2Connection {
  readonly #frames = new FrameReader();
  readonly #headerBlocks = new HeaderBlockReader();
  readonly #outbox: Outbox;
  readonly #streams: Streams;
  /** The peer has sent its settings, which come first. */
  #hasSettings = false;
  #isClosed = false;
  /** Memory that was taken of the quota for frames and blocks that are not whole yet, in bytes. */
  #reserved = 0;
  /** Something came since the last look. */
  #hasReceived = true;
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
    this.#outbox.sendControl(settingsFrame([
      [SETTING.maxConcurrentStreams, MAX_STREAMS],
      [SETTING.maxHeaderListSize, MAX_HEADER_LIST_SIZE],
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
    this.#hasReceived = true;
    const { slice } = this.quota;
    if (slice.isOver) await slice.next();
    let begin = this.#usedAt = performance.now();
    let count = 0;
    try {
      for (const frame of this.#frames.push(chunk)) {
        // It may have been closed while this waited.
        if (this.#isClosed) return;
        this.#handleFrame(frame);
        if (++count % YIELD_CHECK_EVERY > 0) continue;
        slice.spend(performance.now() - begin);
        if (slice.isOver) await slice.next();
        begin = performance.now();
      }
      if (this.#isClosed) return;
      this.#updateReserved();
      slice.spend(performance.now() - begin);
      await this.#outbox.drained();
    } catch (error) {
      const { code, message } = toConnectionError(error);
      this.#fail(code);
      return message;
    }
  }

  /** Asks for a sign of life. @returns false when there was none since the last time */
  ping(): boolean {
    if (!this.#hasReceived) return false;
    this.#hasReceived = false;
    this.#outbox.sendControl(encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8)));
    return true;
  }

  /** Takes no new streams; the connection is over when those that are there are. */
  goAway(): void {
    if (this.#streams.isEnding) return;
    this.#streams.stopAccepting();
    this.#sendGoaway(ERROR.none);
  }

  /** Ends all: the connection is lost, or is to be. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.quota.release(this.#reserved);
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
  #updateReserved(): void {
    const taken = bufferCost(this.#frames.heldBytes) +
      bufferCost(this.#headerBlocks.heldBytes);
    const more = taken - this.#reserved;
    if (more > 0 && !this.quota.reserve(more)) {
      throw new ConnectionError(ERROR.enhanceYourCalm, "too much is kept");
    }
    if (more < 0) this.quota.release(-more);
    this.#reserved = taken;
  }

  #handleFrame(frame: Frame): void {
    const { type } = frame;
    if (this.#headerBlocks.isOpen !== (type === TYPE.continuation)) {
      throw new ConnectionError(ERROR.protocol, "a header block is broken off");
    }
    checkFrame(frame);
    if (!this.#hasSettings) this.#requireSettings(frame);
    switch (type) {
      case TYPE.data:
        return this.#streams.handleData(frame);
      case TYPE.headers:
      case TYPE.continuation: {
        const block = this.#headerBlocks.push(frame);
        return block && this.#streams.handleHeaders(block);
      }
      case TYPE.priority:
        return this.#streams.handlePriority(frame);
      case TYPE.rstStream:
        return this.#streams.handleReset(frame.stream);
      case TYPE.settings:
        return this.#handleSettings(frame);
      case TYPE.ping:
        if (frame.flags & FLAG.ack) return;
        return this.#outbox.sendControl(
          encodeFrame(type, FLAG.ack, 0, frame.payload),
        );
      case TYPE.goaway:
        return this.#streams.stopAccepting();
      case TYPE.windowUpdate:
        return this.#handleWindowUpdate(frame);
      case TYPE.pushPromise:
        throw new ConnectionError(ERROR.protocol, "a client cannot push");
    }
  }

  /** RFC 9113, 3.4. */
  #requireSettings({ type, flags }: Frame): void {
    if (type !== TYPE.settings || flags & FLAG.ack) {
      throw new ConnectionError(
        ERROR.protocol,
        "the settings do not come first",
      );
    }
    this.#hasSettings = true;
  }

  #handleSettings({ flags, payload }: Frame): void {
    if (flags & FLAG.ack) {
      if (payload.length === 0) return;
      throw new ConnectionError(
        ERROR.frameSize,
        "settings in what confirms them",
      );
    }
    for (const [id, value] of parseSettings(payload)) {
      if (id === SETTING.initialWindowSize) {
        this.#streams.setInitialWindow(value);
      }
      if (id === SETTING.headerTableSize) this.#streams.setTableSize(value);
    }
    this.#outbox.sendControl(encodeFrame(TYPE.settings, FLAG.ack, 0));
  }

  #handleWindowUpdate({ stream, payload }: Frame): void {
    const by = uint32At(payload, 0) & MAX_WINDOW;
    if (stream !== 0) return this.#streams.growWindow(stream, by);
    if (by === 0) {
      throw new ConnectionError(ERROR.protocol, "a window grows by nothing");
    }
    if (!this.#outbox.growWindow(by)) {
      throw new ConnectionError(ERROR.flowControl, "too wide a window");
    }
  }

  #sendGoaway(code: ErrorCode): void {
    const payload = encodeUint32s(this.#streams.lastAcceptedId, code);
    this.#outbox.sendControl(encodeFrame(TYPE.goaway, 0, 0, payload));
  }

  /** Says why, and ends the connection. */
  #fail(code: ErrorCode): void {
    this.#streams.stopAccepting();
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
