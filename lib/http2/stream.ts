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
export interface Carrier {
  readonly peer: string;
  /** How much each stream may send at first, in bytes. */
  readonly firstWindow: number;
  /** What the peer may have. */
  readonly quota: Quota;
  /** The frames of headers; to be sent in the order in which they are made. */
  frame(
    stream: number,
    headers: readonly Header[],
    isEnd: boolean,
  ): Uint8Array;
  /** Sends frames before all bodies. */
  post(frames: Uint8Array): void;
  /** There is something to send, or there is room for it. */
  ready(stream: Http2Stream): void;
  /** The response is sent. */
  ended(stream: Http2Stream): void;
  /** Ends a stream, with a frame that says why. */
  reset(stream: Http2Stream, code: ErrorCode): void;
}

/** Bytes of a stream's that are on their way. */
export interface Part {
  readonly stream: Http2Stream;
  readonly bytes: Uint8Array;
  /** They are all, or the last, of what the stream was given to send. */
  readonly isWhole: boolean;
  readonly isLast: boolean;
  /** The frames that end the response, behind them. */
  readonly end?: Uint8Array;
}

/** Bytes that are being sent. */
interface Pending {
  readonly bytes: Uint8Array;
  at: number;
  readonly onTaken: (count: number, isLast: boolean) => void;
}

/** A request, and the response to it. */
export class Http2Stream {
  handler?: StreamHandler;
  #credit = 0;
  /** Memory that was taken of the peer's quota, in bytes. */
  #taken = 0;
  /** How much came since the peer was told that there is room again, in bytes. */
  received = 0;
  /** The peer has said all. */
  isRequestWhole = false;
  /** How much of the body has to come yet, in bytes; undefined: it was not announced. */
  unreceived?: number;
  isOver = false;
  #hasHeaders = false;
  #isEnded = false;
  #pending?: Pending;
  #trailers?: readonly Header[];

  constructor(
    readonly id: number,
    readonly headers: ReadonlyMap<string, string>,
    private readonly carrier: Carrier,
    /** Memory that it takes besides what is kept of the request, in bytes. */
    private readonly cost: number,
  ) {
    const length = headers.get("content-length");
    if (length !== undefined) this.unreceived = Number(length);
  }

  /** What may be sent more than at first, in bytes; below 0: less, as that was sent. */
  get credit(): number {
    return this.#credit;
  }

  /** How much may be sent, in bytes. */
  get window(): number {
    return this.carrier.firstWindow + this.#credit;
  }

  /** The peer has room for more. */
  widen(by: number): void {
    this.#credit += by;
  }

  /**
   * Notes how much of the request's body is kept at present, in bytes.
   *
   * @returns false: that is more than the peer may have
   */
  keep(bytes: number): boolean {
    if (this.isOver) return true;
    const more = this.cost + bytes - this.#taken;
    if (more > 0 && !this.carrier.quota.take(more)) return false;
    if (more < 0) this.carrier.quota.give(-more);
    this.#taken += more;
    return true;
  }

  /** The address at the other end of the connection. */
  get peer(): string {
    return this.carrier.peer;
  }

  /** Whether a response can still be given. */
  get isOpen(): boolean {
    return !this.isOver && !this.#isEnded;
  }

  get hasHeaders(): boolean {
    return this.#hasHeaders;
  }

  /** Begins the response, or is all of it. */
  respond(headers: readonly Header[], isEnd = false): void {
    if (!this.isOpen || this.#hasHeaders) return;
    this.#hasHeaders = true;
    this.#isEnded = isEnd;
    this.#post(headers, isEnd);
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
    if (!this.carrier.quota.takeBody(bytes)) {
      return this.carrier.reset(this, ERROR.enhanceYourCalm);
    }
    this.#pending = { bytes, at: 0, onTaken };
    this.carrier.ready(this);
  }

  /** Ends the response, after what is being sent. */
  end(trailers: readonly Header[]): void {
    if (!this.isOpen) return;
    this.#isEnded = true;
    if (this.#pending === undefined) this.#post(trailers, true);
    else this.#trailers = trailers;
  }

  #post(headers: readonly Header[], isEnd: boolean): void {
    this.carrier.post(this.carrier.frame(this.id, headers, isEnd));
    if (isEnd) this.carrier.ended(this);
  }

  /** Breaks the stream off. */
  cancel(): void {
    if (!this.isOver) this.carrier.reset(this, ERROR.cancel);
  }

  /** How many bytes can be sent now. */
  get sendable(): number {
    const { bytes, at } = this.#pending ?? NOTHING;
    return Math.min(this.window, bytes.length - at);
  }

  /** The body, if all of it can be sent now, and nothing follows it. */
  get whole(): Uint8Array | undefined {
    const { bytes, at } = this.#pending ?? NOTHING;
    const isWhole = at === 0 && bytes.length <= this.window;
    return isWhole && this.#trailers === undefined ? bytes : undefined;
  }

  /** Takes bytes to send them: all, without a copy, when there is room for them. */
  take(most: number): Part {
    const pending = this.#pending ?? NOTHING;
    const { bytes: all, at } = pending;
    pending.at = Math.min(at + most, all.length);
    const isLast = pending.at === all.length;
    const isWhole = at === 0 && isLast;
    const bytes = isWhole ? all : all.subarray(at, pending.at);
    this.#credit -= bytes.length;
    const end = isLast && this.#trailers !== undefined
      ? this.carrier.frame(this.id, this.#trailers, true)
      : undefined;
    return { stream: this, bytes, isWhole, isLast, end };
  }

  /** Notes that bytes were handed to the system. */
  sent({ bytes, isLast, end }: Part): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    if (isLast) {
      this.#forget();
      if (end !== undefined) this.carrier.ended(this);
      else if (this.#trailers !== undefined) this.#post(this.#trailers, true);
    }
    pending.onTaken(bytes.length, isLast);
  }

  /** Notes that it is over. */
  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.carrier.quota.give(this.#taken);
    this.#forget();
    this.handler?.close();
  }

  /** Sends no more of what is being sent. */
  #forget(): void {
    if (this.#pending === undefined) return;
    this.carrier.quota.giveBody(this.#pending.bytes);
    this.#pending = undefined;
  }
}

const NOTHING: Pending = {
  bytes: new Uint8Array(0),
  at: 0,
  onTaken: () => {},
};
