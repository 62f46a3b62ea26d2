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

/** Number of frames after which the time slice is checked. */
const YIELD_CHECK_EVERY = 16;

/**
 * The server's end of an HTTP/2 connection, after the preface. Its memory is
 * bounded, whatever the peer does. Bodies are sent as the peer's windows allow;
 * streams and connections that send the same body share its bytes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113
 */
export class Http2Connection {
  readonly #frames = new FrameReader();
  readonly #headerBlocks = new HeaderBlockReader();
  readonly #outbox: Outbox;
  readonly #streams: Streams;
  /** Whether the peer's first frame, SETTINGS, has arrived. */
  #hasSettings = false;
  #isClosed = false;
  /** Memory reserved for incomplete frames and header blocks, in bytes. */
  #reserved = 0;
  /** Whether anything was received since the last {@linkcode ping}. */
  #hasReceived = true;
  #usedAt = performance.now();
  /** How long the peer may keep the connection open when all has been sent, in ms. */
  #lingerTime = 0;
  #lingering?: ReturnType<typeof setTimeout>;

  /** @param onRequest called for each request, with its headers */
  constructor(
    private readonly conn: Deno.Conn,
    peer: string,
    private readonly quota: Quota,
    onRequest: (stream: Http2Stream) => StreamHandler,
  ) {
    this.#outbox = new Outbox(
      conn,
      quota,
      () => this.#onIdle(),
      () => this.close(),
    );
    this.#streams = new Streams(peer, this.#outbox, quota, onRequest);
    this.#outbox.sendControl(settingsFrame([
      [SETTING.maxConcurrentStreams, MAX_STREAMS],
      [SETTING.maxHeaderListSize, MAX_HEADER_LIST_SIZE],
    ]));
  }

  /** When the connection was last used, as `performance.now()`; undefined if it has streams, or ends. */
  get idleSince(): number | undefined {
    const { isEnding, size } = this.#streams;
    return isEnding || size > 0 ? undefined : this.#usedAt;
  }

  /**
   * Processes received bytes. Waits for the time slices of other addresses, and
   * while the peer does not read the answers to its frames.
   *
   * @returns the error that has broken the connection, if any
   */
  async receive(chunk: Uint8Array): Promise<string | undefined> {
    this.#hasReceived = true;
    const { slice } = this.quota;
    if (slice.isOver) await slice.next();
    let begin = this.#usedAt = performance.now();
    let count = 0;
    try {
      for (const frame of this.#frames.push(chunk)) {
        // Closed during an await.
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

  /** Sends a PING. @returns false if nothing was received since the last one */
  ping(): boolean {
    if (!this.#hasReceived) return false;
    this.#hasReceived = false;
    this.#outbox.sendControl(
      encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8)),
    );
    return true;
  }

  /**
   * Sends GOAWAY, refuses new streams, and closes the connection when its streams
   * have ended (RFC 9113, 6.8). A request that was on its way is refused, so that
   * the client may repeat it elsewhere (RFC 9113, 8.7).
   *
   * @param lingerTime how long the client may take to read that and to close the
   * connection itself, in ms
   */
  goAway(lingerTime = 0): void {
    if (this.#streams.isEnding) return;
    this.#lingerTime = lingerTime;
    this.#streams.stopAccepting();
    this.#sendGoaway(ERROR.none);
  }

  /** Closes the connection and all streams. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#lingering);
    this.quota.release(this.#reserved);
    this.#outbox.close();
    this.#streams.close();
    try {
      this.conn.close();
    } catch {
      // Already closed.
    }
  }

  /** @param elapsed since the last call, in ms @returns how long the peer has not read pending data, in ms */
  tick(elapsed: number): number {
    return this.#outbox.tick(elapsed);
  }

  #onIdle(): void {
    if (!this.#streams.areDone) return;
    if (this.#lingerTime === 0) this.close();
    else {
      this.#lingering ??= setTimeout(() => this.close(), this.#lingerTime);
    }
  }

  /** Reserves memory for what is kept until more arrives. @throws {ConnectionError} if that exceeds the quota */
  #updateReserved(): void {
    const reserved = bufferCost(this.#frames.heldBytes) +
      bufferCost(this.#headerBlocks.heldBytes);
    const more = reserved - this.#reserved;
    if (more > 0 && !this.quota.reserve(more)) {
      throw new ConnectionError(
        ERROR.enhanceYourCalm,
        "memory limit of the address exceeded",
      );
    }
    if (more < 0) this.quota.release(-more);
    this.#reserved = reserved;
  }

  #handleFrame(frame: Frame): void {
    const { type } = frame;
    if (this.#headerBlocks.isOpen !== (type === TYPE.continuation)) {
      throw new ConnectionError(ERROR.protocol, "interrupted header block");
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
        throw new ConnectionError(ERROR.protocol, "PUSH_PROMISE from a client");
    }
  }

  /** RFC 9113, 3.4. */
  #requireSettings({ type, flags }: Frame): void {
    if (type !== TYPE.settings || flags & FLAG.ack) {
      throw new ConnectionError(ERROR.protocol, "SETTINGS is not first");
    }
    this.#hasSettings = true;
  }

  #handleSettings({ flags, payload }: Frame): void {
    if (flags & FLAG.ack) {
      if (payload.length === 0) return;
      throw new ConnectionError(ERROR.frameSize, "SETTINGS ack with a payload");
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
    const increment = uint32At(payload, 0) & MAX_WINDOW;
    if (stream !== 0) return this.#streams.growWindow(stream, increment);
    if (increment === 0) {
      throw new ConnectionError(ERROR.protocol, "WINDOW_UPDATE by 0");
    }
    if (!this.#outbox.growWindow(increment)) {
      throw new ConnectionError(ERROR.flowControl, "window too large");
    }
  }

  #sendGoaway(code: ErrorCode): void {
    const payload = encodeUint32s(this.#streams.lastAcceptedId, code);
    this.#outbox.sendControl(encodeFrame(TYPE.goaway, 0, 0, payload));
  }

  /** Ends all streams, sends GOAWAY with an error, and closes the connection. */
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
