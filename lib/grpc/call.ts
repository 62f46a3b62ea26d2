import { RegisteredStream } from "../broadcast/registry.ts";
import type { Header } from "../http2/hpack.ts";
import type { Http2Stream, StreamHandler } from "../http2/stream.ts";
import { MessageReader } from "./message.ts";
import {
  CODE,
  type Code,
  RpcError,
  statusHeaders,
  toRpcError,
} from "./status.ts";

/** Time for a request to arrive, in ms. */
const REQUEST_TIMEOUT = 10_000;

const RESPONSE_HEADERS: readonly Header[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
  ["grpc-accept-encoding", "identity"],
];

/** Handles the messages of a call's request. Errors that it throws end the call. */
export interface CallHandler {
  /** Whether the request may have several messages, without a time limit. */
  readonly isBidirectional?: boolean;
  /** Memory that buffered messages take, in bytes. */
  readonly bufferedBytes: number;
  /** Handles a message. `bytes` are valid until this returns. */
  message(bytes: Uint8Array): void;
  /** Handles the end of the request. */
  end(): void;
  /** Called once, when the call has ended. */
  close?(): void;
}

/** Called by a {@linkcode Call}. */
export interface CallEvents {
  /** Called when a reply begins to be written. */
  onReply(call: Call, reply: PendingReply): void;
  /** Called when the caller has taken a reply, or the call has ended. */
  onReplyEnd(reply: PendingReply): void;
  /** Called when the call fails by an unexpected error. */
  onInternalError(call: Call, error: unknown): void;
  /** Called once, when the call has ended. */
  onEnd(call: Call): void;
}

/**
 * A call: a request and its replies.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class Call implements StreamHandler {
  readonly path: string;
  handler?: CallHandler;
  readonly #messages = new MessageReader();
  readonly #requestTimeout: ReturnType<typeof setTimeout>;
  readonly #deadline?: ReturnType<typeof setTimeout>;
  #code?: Code;
  #reply?: PendingReply;

  constructor(
    readonly stream: Http2Stream,
    private readonly events: CallEvents,
  ) {
    const { headers } = stream;
    this.path = headers.get(":path") ?? "";
    this.#requestTimeout = setTimeout(() => stream.cancel(), REQUEST_TIMEOUT);
    const timeout = parseTimeout(headers.get("grpc-timeout"));
    if (timeout === undefined) return;
    this.#deadline = setTimeout(() => {
      this.finish(CODE.deadlineExceeded, "deadline exceeded");
    }, timeout);
  }

  /** The address at the other end of the TCP connection. */
  get peer(): string {
    return this.stream.peer;
  }

  /** Code of the status; undefined: not sent yet. */
  get code(): Code | undefined {
    return this.#code;
  }

  /** Sends the headers, by which the caller knows that the call is served. */
  open(): void {
    this.stream.respond(RESPONSE_HEADERS);
  }

  /** Sends a framed message. @param onTaken called when the caller has taken it */
  write(frame: Uint8Array, onTaken = () => {}): void {
    this.open();
    // Sending headers may end the connection.
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

  /** Ends the call with a status, unless it has ended. */
  finish(code: Code, message = ""): void {
    const { stream } = this;
    if (!stream.isOpen) return;
    this.#code = code;
    const status = statusHeaders(code, message);
    if (stream.hasHeaders) stream.end(status);
    else stream.respond([...RESPONSE_HEADERS, ...status], true);
  }

  /** Called by the stream, as are {@linkcode end} and {@linkcode close}. */
  data(bytes: Uint8Array): void {
    this.attempt((handler) => {
      for (const message of this.#messages.push(bytes)) {
        if (handler.isBidirectional) clearTimeout(this.#requestTimeout);
        handler.message(message);
      }
      this.reserve();
    });
  }

  /** Reserves the memory that the request takes. @throws {RpcError} when it exceeds the caller's quota */
  reserve(): void {
    const buffered = this.#messages.bufferedBytes +
      (this.handler?.bufferedBytes ?? 0);
    if (this.stream.reserve(buffered)) return;
    throw new RpcError(
      CODE.resourceExhausted,
      "too many bytes of this address wait for a response",
    );
  }

  end(): void {
    clearTimeout(this.#requestTimeout);
    this.attempt((handler) => {
      this.#messages.end();
      handler.end();
    });
  }

  close(): void {
    clearTimeout(this.#requestTimeout);
    clearTimeout(this.#deadline);
    this.#endReply();
    this.handler?.close?.();
    this.events.onEnd(this);
  }

  /** Calls `act`, unless the call has ended. An error that it throws ends the call. */
  attempt(act: (handler: CallHandler) => void): void {
    if (this.handler === undefined || !this.stream.isOpen) return;
    try {
      act(this.handler);
    } catch (error) {
      const rpcError = toRpcError(error);
      if (rpcError === undefined) this.events.onInternalError(this, error);
      const { code, message } = rpcError ??
        new RpcError(CODE.internal, "internal error");
      this.finish(code, message);
    }
  }
}

/** Handles a request of one message. */
export class UnaryHandler implements CallHandler {
  #request?: Uint8Array;
  #onClose?: () => void;
  #isClosed = false;

  /** @param act called with the complete request; returns a function to call when the call has ended */
  constructor(
    private readonly act: (request: Uint8Array) => (() => void) | undefined,
  ) {}

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
    this.#onClose = this.act(this.#request);
    // `act` may have ended the call.
    if (this.#isClosed) this.#onClose?.();
  }

  close(): void {
    this.#isClosed = true;
    this.#onClose?.();
  }
}

/** How many messages may wait for replies that the caller does not read. */
const MAX_PENDING_MESSAGES = 100;

/** Memory that a pending message takes besides its bytes, in bytes. */
const MESSAGE_OVERHEAD = 512;

/**
 * Answers each message of a request, in order. A message waits until the caller
 * has taken the reply to the one before it.
 */
export class BidirectionalHandler implements CallHandler {
  readonly isBidirectional = true;
  readonly #pending: Uint8Array[] = [];
  #bufferedBytes = 0;
  #isWriting = false;
  #isRequestEnded = false;

  /** @param reply returns the framed reply to a message */
  constructor(
    private readonly call: Call,
    private readonly reply: (message: Uint8Array) => Uint8Array,
  ) {}

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  message(bytes: Uint8Array): void {
    if (!this.#isWriting) return this.#write(bytes);
    if (this.#pending.length >= MAX_PENDING_MESSAGES) {
      throw new RpcError(CODE.resourceExhausted, "the replies are not read");
    }
    this.#pending.push(bytes.slice());
    this.#bufferedBytes += bytes.length + MESSAGE_OVERHEAD;
  }

  end(): void {
    this.#isRequestEnded = true;
    if (!this.#isWriting) this.call.finish(CODE.ok);
  }

  #write(message: Uint8Array): void {
    this.#isWriting = true;
    this.call.write(this.reply(message), () => this.#next());
  }

  #next(): void {
    this.#isWriting = false;
    const message = this.#pending.shift();
    if (message !== undefined) {
      this.#bufferedBytes -= message.length + MESSAGE_OVERHEAD;
      this.call.reserve();
      this.#write(message);
    } else if (this.#isRequestEnded) this.call.finish(CODE.ok);
  }
}

/** A reply that is being written: registered, so that the call ends when it stays unread. */
export class PendingReply extends RegisteredStream {
  readonly sent = 0;
  readonly isBehind = false;
  readonly isUnread = true;

  /** Does nothing: the call ends when the reply is taken. */
  override end(): void {}
}

/** Units of the header `grpc-timeout`, in ms. */
const TIMEOUT_UNITS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The longest delay of a timer, in ms. */
const MAX_DELAY = 2 ** 31 - 1;

/** Parses the header `grpc-timeout`, like `1500m`. @returns ms; undefined: no timeout */
function parseTimeout(timeout: string | undefined): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(timeout ?? "") ??
    [];
  if (digits === undefined) return undefined;
  return Math.min(Number(digits) * (TIMEOUT_UNITS[unit] ?? 0), MAX_DELAY);
}
