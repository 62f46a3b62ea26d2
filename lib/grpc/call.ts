import type { Header } from "../http2/hpack.ts";
import type { Http2Stream, StreamHandler } from "../http2/stream.ts";
import { MessageReader, timeoutOf } from "./request.ts";
import {
  CODE,
  type Code,
  RpcError,
  rpcErrorOf,
  statusHeaders,
} from "./status.ts";

/** How long a request may take to come, in ms. */
const PATIENCE = 10_000;

/** What an answer says of itself. */
const HEADERS: readonly Header[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
  ["grpc-accept-encoding", "identity"],
];

/** What is done with a request; what it throws ends the call. */
export interface RequestHandler {
  /** A message of the request; good until this returns. */
  message(bytes: Uint8Array): void;
  /** The request is whole. */
  end(): void;
  /** The call is over; called once. */
  close?(): void;
}

/** What becomes of a call. */
export interface CallEvents {
  /** It failed by an error that is lainlet's own. */
  onFault(call: Call, error: unknown): void;
  /** It is over, however that came about; called once. */
  onOver(call: Call): void;
}

/**
 * One call: a request, and what is answered to it.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class Call implements StreamHandler {
  readonly path: string;
  handler?: RequestHandler;
  readonly #messages = new MessageReader();
  readonly #impatience: ReturnType<typeof setTimeout>;
  readonly #deadline?: ReturnType<typeof setTimeout>;
  #code?: Code;

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
    this.stream.write(frame, (_count, isLast) => isLast && onTaken());
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
    this.#attempt((handler) => {
      for (const message of this.#messages.push(bytes)) {
        clearTimeout(this.#impatience);
        handler.message(message);
      }
    });
  }

  end(): void {
    clearTimeout(this.#impatience);
    this.#attempt((handler) => {
      this.#messages.end();
      handler.end();
    });
  }

  close(): void {
    clearTimeout(this.#impatience);
    clearTimeout(this.#deadline);
    this.handler?.close?.();
    this.events.onOver(this);
  }

  #attempt(act: (handler: RequestHandler) => void): void {
    if (this.handler === undefined || !this.stream.isOpen) return;
    try {
      act(this.handler);
    } catch (error) {
      const known = rpcErrorOf(error);
      if (known === undefined) this.events.onFault(this, error);
      const { code, message } = known ??
        new RpcError(CODE.internal, "internal error");
      this.finish(code, message);
    }
  }
}

/** Does something with a request of one message. */
export class Single implements RequestHandler {
  #request?: Uint8Array;

  constructor(private readonly act: (request: Uint8Array) => void) {}

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

/** How many replies may wait for a caller that sends more. */
const MAX_REPLIES = 100;

/** Answers each message of a request with another one, in turn. */
export class Dialogue implements RequestHandler {
  readonly #replies: Uint8Array[] = [];
  #isBusy = false;
  #isEnd = false;

  /** @param reply makes a frame of a message */
  constructor(
    private readonly call: Call,
    private readonly reply: (message: Uint8Array) => Uint8Array,
  ) {}

  message(bytes: Uint8Array): void {
    if (this.#replies.length >= MAX_REPLIES) {
      throw new RpcError(CODE.resourceExhausted, "the replies are not read");
    }
    this.#replies.push(this.reply(bytes));
    this.#go();
  }

  end(): void {
    this.#isEnd = true;
    this.#go();
  }

  #go(): void {
    if (this.#isBusy) return;
    const frame = this.#replies.shift();
    if (frame !== undefined) {
      this.#isBusy = true;
      this.call.write(frame, () => {
        this.#isBusy = false;
        this.#go();
      });
    } else if (this.#isEnd) this.call.finish(CODE.ok);
  }
}
