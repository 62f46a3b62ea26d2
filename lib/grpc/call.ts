import type { Header } from "../http2/hpack.ts";
import type { Http2Stream, StreamHandler } from "../http2/stream.ts";
import { MessageReader } from "./message.ts";
import {
  CODE,
  type Code,
  RpcError,
  rpcErrorOf,
  statusHeaders,
} from "./status.ts";
import { RegisteredStream } from "../broadcast/registry.ts";

/** How long a request may take to come, in ms. */
const PATIENCE = 10_000;

/** What an answer says of itself. */
const HEADERS: readonly Header[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
  ["grpc-accept-encoding", "identity"],
];

/** What is done with a request; what it throws ends the call. */
export interface CallHandler {
  /** The request may go on for as long as its caller wants. */
  readonly isOpenEnded?: boolean;
  /** Memory that is kept of the request, in bytes. */
  readonly bufferedBytes: number;
  /** A message of the request; good until this returns. */
  message(bytes: Uint8Array): void;
  /** The request is whole. */
  end(): void;
  /** The call is over; called once. */
  close?(): void;
}

/** What becomes of a call. */
export interface CallEvents {
  /** A reply is on its way to the caller. */
  onReply(call: Call, reply: PendingReply): void;
  /** It is there, or the call is over. */
  onReplyEnd(reply: PendingReply): void;
  /** It failed by an error that is lainlet's own. */
  onInternalError(call: Call, error: unknown): void;
  /** It is over, however that came about; called once. */
  onEnd(call: Call): void;
}

/**
 * One call: a request, and what is answered to it.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class Call implements StreamHandler {
  readonly path: string;
  handler?: CallHandler;
  readonly #messages = new MessageReader();
  readonly #impatience: ReturnType<typeof setTimeout>;
  readonly #deadline?: ReturnType<typeof setTimeout>;
  #code?: Code;
  #reply?: PendingReply;

  constructor(
    readonly stream: Http2Stream,
    private readonly events: CallEvents,
  ) {
    const { headers } = stream;
    this.path = headers.get(":path") ?? "";
    this.#impatience = setTimeout(() => stream.cancel(), PATIENCE);
    const timeout = timeoutOf(headers.get("grpc-timeout"));
    if (timeout === undefined) return;
    this.#deadline = setTimeout(() => {
      this.finish(CODE.deadlineExceeded, "the deadline is over");
    }, timeout);
  }

  /** The address at the other end of the TCP connection. */
  get peer(): string {
    return this.stream.peer;
  }

  /** How it was answered; undefined: not yet. */
  get code(): Code | undefined {
    return this.#code;
  }

  /** Begins to answer, which tells the caller that it is heard. */
  open(): void {
    this.stream.respond(HEADERS);
  }

  /** Answers with a frame. @param onTaken called when the caller has taken it */
  write(frame: Uint8Array, onTaken = () => {}): void {
    this.open();
    // The connection may be lost with that.
    if (!this.stream.isOpen) return;
    const reply = this.#reply = new PendingReply();
    this.events.onReply(this, reply);
    this.stream.write(frame, (_count, isLast) => {
      reply.progressed(0);
      if (!isLast) return;
      this.#endReply();
      this.attempt(onTaken);
    });
  }

  #endReply(): void {
    if (this.#reply !== undefined) this.events.onReplyEnd(this.#reply);
    this.#reply = undefined;
  }

  /** Ends the call, unless that was done. */
  finish(code: Code, message = ""): void {
    const { stream } = this;
    if (!stream.isOpen) return;
    this.#code = code;
    const status = statusHeaders(code, message);
    if (stream.hasHeaders) stream.end(status);
    else stream.respond([...HEADERS, ...status], true);
  }

  /** Called by the stream, as are {@linkcode end} and {@linkcode close}. */
  data(bytes: Uint8Array): void {
    this.attempt((handler) => {
      for (const message of this.#messages.push(bytes)) {
        if (handler.isOpenEnded) clearTimeout(this.#impatience);
        handler.message(message);
      }
      this.keep();
    });
  }

  /** Notes what is kept of the request. @throws {RpcError} when the caller has too much of that */
  keep(): void {
    const held = this.#messages.held + (this.handler?.bufferedBytes ?? 0);
    if (this.stream.reserve(held)) return;
    throw new RpcError(
      CODE.resourceExhausted,
      "too much of this address waits to be answered",
    );
  }

  end(): void {
    clearTimeout(this.#impatience);
    this.attempt((handler) => {
      this.#messages.end();
      handler.end();
    });
  }

  close(): void {
    clearTimeout(this.#impatience);
    clearTimeout(this.#deadline);
    this.#endReply();
    this.handler?.close?.();
    this.events.onEnd(this);
  }

  /** Goes on with the call, unless it is over; what is thrown ends it. */
  attempt(act: (handler: CallHandler) => void): void {
    if (this.handler === undefined || !this.stream.isOpen) return;
    try {
      act(this.handler);
    } catch (error) {
      const known = rpcErrorOf(error);
      if (known === undefined) this.events.onInternalError(this, error);
      const { code, message } = known ??
        new RpcError(CODE.internal, "internal error");
      this.finish(code, message);
    }
  }
}

/** Does something with a request of one message. */
export class UnaryHandler implements CallHandler {
  #request?: Uint8Array;

  /** @param act is called with the request when that is whole */
  constructor(private readonly act: (request: Uint8Array) => void) {}

  get bufferedBytes(): number {
    return this.#request?.length ?? 0;
  }

  message(bytes: Uint8Array): void {
    if (this.#request !== undefined) {
      throw new RpcError(CODE.internal, "the request has two messages");
    }
    this.#request = bytes.slice();
  }

  end(): void {
    if (this.#request === undefined) {
      throw new RpcError(CODE.internal, "the request has no message");
    }
    this.act(this.#request);
  }
}

/** How many messages may wait for a caller that does not read the replies. */
const MAX_WAITING = 100;

/** Memory that such a message takes besides its bytes, in bytes. */
const MESSAGE_COST = 512;

/**
 * Answers each message of a request with another one, in turn. A reply is made
 * when the caller has taken the one before; until then its message is kept.
 */
export class BidirectionalHandler implements CallHandler {
  readonly isOpenEnded = true;
  readonly #messages: Uint8Array[] = [];
  #held = 0;
  #isBusy = false;
  #isEnd = false;

  /** @param reply makes a frame of a message */
  constructor(
    private readonly call: Call,
    private readonly reply: (message: Uint8Array) => Uint8Array,
  ) {}

  get bufferedBytes(): number {
    return this.#held;
  }

  message(bytes: Uint8Array): void {
    if (!this.#isBusy) return this.#write(bytes);
    if (this.#messages.length >= MAX_WAITING) {
      throw new RpcError(CODE.resourceExhausted, "the replies are not read");
    }
    this.#messages.push(bytes.slice());
    this.#held += bytes.length + MESSAGE_COST;
  }

  end(): void {
    this.#isEnd = true;
    if (!this.#isBusy) this.call.finish(CODE.ok);
  }

  #write(message: Uint8Array): void {
    this.#isBusy = true;
    this.call.write(this.reply(message), () => this.#next());
  }

  #next(): void {
    this.#isBusy = false;
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#held -= message.length + MESSAGE_COST;
      this.call.keep();
      this.#write(message);
    } else if (this.#isEnd) this.call.finish(CODE.ok);
  }
}

/** A reply that is being written. The registry ends the call when it stays unread. */
export class PendingReply extends RegisteredStream {
  readonly sent = 0;
  readonly isBehind = false;
  readonly isUnread = true;

  /** Does nothing: the call ends when all of the reply is taken. */
  override end(): void {}
}

/**
 * Returns a call's timeout in ms; undefined: none.
 *
 * @param timeout the header `grpc-timeout`, like `1500m`
 */
function timeoutOf(timeout: string | undefined): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(timeout ?? "") ??
    [];
  if (digits === undefined) return undefined;
  // Timers count milliseconds in 31 bits.
  return Math.min(Number(digits) * (UNITS[unit] ?? 0), 2 ** 31 - 1);
}

/** In ms. */
const UNITS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
