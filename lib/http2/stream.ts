import { ERROR, type ErrorCode } from "./frame.ts";
import type { Header } from "./hpack.ts";
import type { Quota } from "./quota.ts";

/** Who looks after a request. */
export interface StreamHandler {
  /** A part of the body came; the bytes are good until this returns. */
  data(bytes: Uint8Array): void;
  /** The body is whole. */
  end(): void;
  /** The stream is over, however that came about: called once. */
  close(): void;
}

/** What a stream needs of its connection. */
export interface StreamConnection {
  readonly peer: string;
  /** How much each stream may send at first, in bytes. */
  readonly initialWindow: number;
  /** What the peer may have. */
  readonly quota: Quota;
  /** The frames of headers; to be sent in the order in which they are made. */
  encodeHeaders(
    stream: number,
    headers: readonly Header[],
    isEnd: boolean,
  ): Uint8Array;
  /** Sends frames before all bodies. */
  sendControl(frames: Uint8Array): void;
  /** There is something to send, or there is room for it. */
  schedule(stream: Http2Stream): void;
  /** The response is sent. */
  onEnd(stream: Http2Stream): void;
  /** Ends a stream, with a frame that says why. */
  reset(stream: Http2Stream, code: ErrorCode): void;
}

/** Bytes of a stream's that are on their way. */
export interface BodyChunk {
  readonly stream: Http2Stream;
  readonly bytes: Uint8Array;
  /** They are all, or the last, of what the stream was given to send. */
  readonly isWhole: boolean;
  readonly isLast: boolean;
  /** The frames that end the response, behind them. */
  readonly trailers?: Uint8Array;
}

/** Bytes that are being sent. */
interface PendingBody {
  readonly bytes: Uint8Array;
  at: number;
  readonly onSent: (count: number, isLast: boolean) => void;
}

/** A request, and the response to it. */
export class Http2Stream {
  handler?: StreamHandler;
  #windowOffset = 0;
  /** Memory that was taken of the peer's quota, in bytes. */
  #reserved = 0;
  /** How much came since the peer was told that there is room again, in bytes. */
  unacknowledged = 0;
  /** The peer has said all. */
  isRequestWhole = false;
  /** How much of the body has to come yet, in bytes; undefined: it was not announced. */
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
    /** Memory that it takes besides what is kept of the request, in bytes. */
    private readonly cost: number,
  ) {
    const length = headers.get("content-length");
    if (length !== undefined) this.remainingBody = Number(length);
  }

  /** What may be sent more than at first, in bytes; below 0: less, as that was sent. */
  get windowOffset(): number {
    return this.#windowOffset;
  }

  /** How much may be sent, in bytes. */
  get window(): number {
    return this.connection.initialWindow + this.#windowOffset;
  }

  /** The peer has room for more. */
  growWindow(by: number): void {
    this.#windowOffset += by;
  }

  /**
   * Notes how much of the request's body is kept at present, in bytes.
   *
   * @returns false: that is more than the peer may have
   */
  reserve(bytes: number): boolean {
    if (this.isClosed) return true;
    const more = this.cost + bytes - this.#reserved;
    if (more > 0 && !this.connection.quota.reserve(more)) return false;
    if (more < 0) this.connection.quota.release(-more);
    this.#reserved += more;
    return true;
  }

  /** The address at the other end of the connection. */
  get peer(): string {
    return this.connection.peer;
  }

  /** Whether a response can still be given. */
  get isOpen(): boolean {
    return !this.isClosed && !this.#isEnded;
  }

  get hasHeaders(): boolean {
    return this.#hasHeaders;
  }

  /** Begins the response, or is all of it. */
  respond(headers: readonly Header[], isEnd = false): void {
    if (!this.isOpen || this.#hasHeaders) return;
    this.#hasHeaders = true;
    this.#isEnded = isEnd;
    this.#sendHeaders(headers, isEnd);
  }

  /**
   * Sends bytes, as fast as the peer takes them; not before all of the last
   * ones were taken. Where the peer has too much on its way to it, the stream
   * is broken off.
   *
   * @param bytes are never to be changed; others may be sent the same
   * @param onTaken called for each part that was handed to the system
   */
  write(
    bytes: Uint8Array,
    onTaken: (count: number, isLast: boolean) => void,
  ): void {
    if (!this.isOpen) return;
    if (!this.connection.quota.reserveBody(bytes)) {
      return this.connection.reset(this, ERROR.enhanceYourCalm);
    }
    this.#pending = { bytes, at: 0, onSent: onTaken };
    this.connection.schedule(this);
  }

  /** Ends the response, after what is being sent. */
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

  /** Breaks the stream off. */
  cancel(): void {
    if (!this.isClosed) this.connection.reset(this, ERROR.cancel);
  }

  /** How many bytes can be sent now. */
  get sendable(): number {
    const { bytes, at } = this.#pending ?? NOTHING;
    return Math.min(this.window, bytes.length - at);
  }

  /** The body, if all of it can be sent now, and nothing follows it. */
  get wholeBody(): Uint8Array | undefined {
    const { bytes, at } = this.#pending ?? NOTHING;
    const isWhole = at === 0 && bytes.length <= this.window;
    return isWhole && this.#trailers === undefined ? bytes : undefined;
  }

  /** Takes bytes to send them: all, without a copy, when there is room for them. */
  take(most: number): BodyChunk {
    const pending = this.#pending ?? NOTHING;
    const { bytes: all, at } = pending;
    pending.at = Math.min(at + most, all.length);
    const isLast = pending.at === all.length;
    const isWhole = at === 0 && isLast;
    const bytes = isWhole ? all : all.subarray(at, pending.at);
    this.#windowOffset -= bytes.length;
    const end = isLast && this.#trailers !== undefined
      ? this.connection.encodeHeaders(this.id, this.#trailers, true)
      : undefined;
    return { stream: this, bytes, isWhole, isLast, trailers: end };
  }

  /** Notes that bytes were handed to the system. */
  sent({ bytes, isLast, trailers: end }: BodyChunk): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    if (isLast) {
      this.#releaseBody();
      if (end !== undefined) this.connection.onEnd(this);
      else if (this.#trailers !== undefined) {
        this.#sendHeaders(this.#trailers, true);
      }
    }
    pending.onSent(bytes.length, isLast);
  }

  /** Notes that it is over. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.connection.quota.release(this.#reserved);
    this.#releaseBody();
    this.handler?.close();
  }

  /** Sends no more of what is being sent. */
  #releaseBody(): void {
    if (this.#pending === undefined) return;
    this.connection.quota.releaseBody(this.#pending.bytes);
    this.#pending = undefined;
  }
}

const NOTHING: PendingBody = {
  bytes: new Uint8Array(0),
  at: 0,
  onSent: () => {},
};
