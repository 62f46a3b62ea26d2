import { ERROR, type ErrorCode } from "./frame.ts";
import type { Header } from "./hpack.ts";
import type { Quota } from "./quota.ts";

/** Handles the events of a stream. */
export interface StreamHandler {
  /** Called for each part of the request body; the bytes are valid until it returns. */
  data(bytes: Uint8Array): void;
  /** Called when the request is complete. */
  end(): void;
  /** Called once, when the stream has ended for whatever reason. */
  close(): void;
}

/** The connection of a stream. */
export interface StreamConnection {
  readonly peer: string;
  /** Initial send window of each stream, in bytes. */
  readonly initialWindow: number;
  /** Quota of the address. */
  readonly quota: Quota;
  /** Encodes headers as frames, which have to be sent in the order of the calls. */
  encodeHeaders(
    stream: number,
    headers: readonly Header[],
    isEnd: boolean,
  ): Uint8Array;
  /** Sends frames before bodies. */
  sendControl(frames: Uint8Array): void;
  /** Schedules a stream that has something to send, or whose window has grown. */
  schedule(stream: Http2Stream): void;
  /** Called when the response has been sent. */
  onEnd(stream: Http2Stream): void;
  /** Ends a stream with RST_STREAM. */
  reset(stream: Http2Stream, code: ErrorCode): void;
}

/** A part of a response body that is being sent. */
export interface BodyChunk {
  readonly stream: Http2Stream;
  readonly bytes: Uint8Array;
  /** Whether the chunk is all of the pending bytes. */
  readonly isWhole: boolean;
  /** Whether it is the last of the pending bytes. */
  readonly isLast: boolean;
  /** Frames that end the response after this chunk. */
  readonly trailers?: Uint8Array;
}

/** Bytes that a stream sends. */
interface PendingBody {
  readonly bytes: Uint8Array;
  /** Offset of the next byte. */
  at: number;
  readonly onSent: (count: number, isLast: boolean) => void;
}

/** A stream: a request and its response. */
export class Http2Stream {
  handler?: StreamHandler;
  #windowOffset = 0;
  /** Memory reserved from the quota, in bytes. */
  #reserved = 0;
  /** Received since the last WINDOW_UPDATE, in bytes. */
  unacknowledged = 0;
  /** Whether all of the request has been received. */
  isRequestWhole = false;
  /** Rest of the announced content-length, in bytes; undefined if there was none. */
  remainingBody?: number;
  isClosed = false;
  #hasHeaders = false;
  #isEnded = false;
  #pending?: PendingBody;
  #trailers?: readonly Header[];

  constructor(
    readonly id: number,
    readonly headers: ReadonlyMap<string, string>,
    private readonly connection: StreamConnection,
    /** Memory of the stream without its request body, in bytes. */
    private readonly cost: number,
  ) {
    const length = headers.get("content-length");
    if (length !== undefined) this.remainingBody = Number(length);
  }

  /** Difference of the send window from the initial one, in bytes: WINDOW_UPDATEs minus sent bytes. */
  get windowOffset(): number {
    return this.#windowOffset;
  }

  /** Send window, in bytes. */
  get window(): number {
    return this.connection.initialWindow + this.#windowOffset;
  }

  growWindow(increment: number): void {
    this.#windowOffset += increment;
  }

  /**
   * Reserves memory for the part of the request body that is kept, in place of
   * what was reserved before.
   *
   * @returns false if that exceeds the quota
   */
  reserve(bytes: number): boolean {
    if (this.isClosed) return true;
    const more = this.cost + bytes - this.#reserved;
    if (more > 0 && !this.connection.quota.reserve(more)) return false;
    if (more < 0) this.connection.quota.release(-more);
    this.#reserved += more;
    return true;
  }

  /** Remote address. */
  get peer(): string {
    return this.connection.peer;
  }

  /** Whether the response has not ended. */
  get isOpen(): boolean {
    return !this.isClosed && !this.#isEnded;
  }

  get hasHeaders(): boolean {
    return this.#hasHeaders;
  }

  /** Sends the headers of the response. @param isEnd whether they are all of it */
  respond(headers: readonly Header[], isEnd = false): void {
    if (!this.isOpen || this.#hasHeaders) return;
    this.#hasHeaders = true;
    this.#isEnded = isEnd;
    this.#sendHeaders(headers, isEnd);
  }

  /**
   * Sends bytes as fast as the peer reads. Must not be called before the last
   * bytes have been sent. Resets the stream if the quota is exceeded.
   *
   * @param bytes must not change: other streams may send the same ones
   * @param onSent called for each part that has been written to the socket
   */
  write(
    bytes: Uint8Array,
    onSent: (count: number, isLast: boolean) => void,
  ): void {
    if (!this.isOpen) return;
    if (!this.connection.quota.reserveBody(bytes)) {
      return this.connection.reset(this, ERROR.enhanceYourCalm);
    }
    this.#pending = { bytes, at: 0, onSent };
    this.connection.schedule(this);
  }

  /** Ends the response when the pending bytes have been sent. */
  end(trailers: readonly Header[]): void {
    if (!this.isOpen) return;
    this.#isEnded = true;
    if (this.#pending === undefined) this.#sendHeaders(trailers, true);
    else this.#trailers = trailers;
  }

  #sendHeaders(headers: readonly Header[], isEnd: boolean): void {
    this.connection.sendControl(
      this.connection.encodeHeaders(this.id, headers, isEnd),
    );
    if (isEnd) this.connection.onEnd(this);
  }

  /** Resets the stream. */
  cancel(): void {
    if (!this.isClosed) this.connection.reset(this, ERROR.cancel);
  }

  /** Number of bytes that can be sent now. */
  get sendable(): number {
    const { bytes, at } = this.#pending ?? NO_BODY;
    return Math.min(this.window, bytes.length - at);
  }

  /** The pending bytes, if all of them can be sent now, without trailers. */
  get wholeBody(): Uint8Array | undefined {
    const { bytes, at } = this.#pending ?? NO_BODY;
    const isWhole = at === 0 && bytes.length <= this.window;
    return isWhole && this.#trailers === undefined ? bytes : undefined;
  }

  /** Takes the next chunk to send. @param max in bytes */
  takeChunk(max: number): BodyChunk {
    const pending = this.#pending ?? NO_BODY;
    const { bytes: all, at } = pending;
    pending.at = Math.min(at + max, all.length);
    const isLast = pending.at === all.length;
    const isWhole = at === 0 && isLast;
    const bytes = isWhole ? all : all.subarray(at, pending.at);
    this.#windowOffset -= bytes.length;
    const trailers = isLast && this.#trailers !== undefined
      ? this.connection.encodeHeaders(this.id, this.#trailers, true)
      : undefined;
    return { stream: this, bytes, isWhole, isLast, trailers };
  }

  /** Called when a chunk has been written to the socket. */
  onSent({ bytes, isLast, trailers }: BodyChunk): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    if (isLast) {
      this.#releaseBody();
      if (trailers !== undefined) this.connection.onEnd(this);
      else if (this.#trailers !== undefined) {
        this.#sendHeaders(this.#trailers, true);
      }
    }
    pending.onSent(bytes.length, isLast);
  }

  /** Releases what the stream holds, and tells its handler. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.connection.quota.release(this.#reserved);
    this.#releaseBody();
    this.handler?.close();
  }

  #releaseBody(): void {
    if (this.#pending === undefined) return;
    this.connection.quota.releaseBody(this.#pending.bytes);
    this.#pending = undefined;
  }
}

/** Used when there are no pending bytes. */
const NO_BODY: PendingBody = {
  bytes: new Uint8Array(0),
  at: 0,
  onSent: () => {},
};
