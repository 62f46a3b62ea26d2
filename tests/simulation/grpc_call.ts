import {
  create,
  type DescMethod,
  fromBinary,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import * as proto from "../../lib/grpc/proto/message_pb.ts";
import { messageFrame } from "../../lib/grpc/message.ts";
import { CODE } from "../../lib/grpc/status.ts";
import {
  encodeFrame,
  encodeUint32s,
  FLAG,
  type Frame,
  FrameReader,
  INITIAL_WINDOW,
  PREFACE,
  SETTING,
  settingsFrame,
  TYPE,
} from "../../lib/http2/frame.ts";
import { encodeHeaders, HpackDecoder } from "../../lib/http2/hpack.ts";
import type { Connection, Sockets } from "./grpc_sockets.ts";
import { comparable } from "./requests.ts";

/** The id of a connection's only stream. */
const STREAM = 1;

/**
 * How long a slow client waits before each read, in ms: for each byte of its
 * window, and at most. So it reads two messages within seconds.
 */
const PAUSE = { perByte: 6, max: 200 };

/** How a call ended. */
export interface CallStatus {
  readonly code: number;
  readonly message: string;
}

/** The method of a service. @throws {Error} when there is none */
export function methodOf(service: string, name: "get" | "watch"): DescMethod {
  const found = proto.file_message.services.find((one) => one.name === service);
  const method = found?.methods.find(({ localName }) => localName === name);
  if (method === undefined) throw new Error(`there is no ${service}/${name}`);
  return method;
}

/** A response's message as comparable text, by proto3's JSON mapping. */
export function replyText({ output }: DescMethod, reply: Uint8Array): string {
  return comparable(toJson(output, fromBinary(output, reply)));
}

/** A call on a separate connection; it reads unless it is stalled. */
export class GrpcCall {
  readonly #replies: string[] = [];
  readonly #frames = new FrameReader();
  readonly #hpack = new HpackDecoder();
  /** The received part of a message. */
  #bytes: number[] = [];
  #connection?: Connection;
  #isStalled = false;
  #wake?: () => void;
  /** The status, once the server has sent one. */
  status?: CallStatus;
  isOpen = true;

  /** @param peer the address that the call comes from */
  constructor(
    sockets: Sockets,
    host: string,
    private readonly method: DescMethod,
    request: Readonly<Record<string, string>>,
    peer: string,
  ) {
    this.#run(sockets, host, request, peer)
      .catch(() => {})
      .finally(() => {
        this.isOpen = false;
        this.#connection?.close();
      });
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  set isStalled(isStalled: boolean) {
    this.#isStalled = isStalled;
    if (!isStalled) this.#wake?.();
  }

  /** The messages since the last call. */
  take(): string[] {
    return this.#replies.splice(0);
  }

  disconnect(): void {
    this.isOpen = false;
    this.#connection?.close();
    this.isStalled = false;
  }

  async #run(
    sockets: Sockets,
    host: string,
    request: Readonly<Record<string, string>>,
    peer: string,
  ): Promise<void> {
    const connection = this.#connection = sockets.connect(host, peer);
    const limit = Math.random() < 0.5 ? 64 : INITIAL_WINDOW;
    const window = 8 + Math.floor(Math.random() * limit);
    await this.#send(this.#preface(request, window));
    const buffer = new Uint8Array(256);
    const pause = Math.random() < 0.5
      ? Math.min(PAUSE.max, window * PAUSE.perByte)
      : 0;
    while (this.isOpen) {
      if (this.#isStalled) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
      const count = await connection.read(buffer);
      if (count === null) return;
      for (const frame of this.#frames.push(buffer.subarray(0, count))) {
        await this.#take(frame);
      }
    }
  }

  /** The connection's preface, and the request. @param window its size in bytes */
  #preface(
    request: Readonly<Record<string, string>>,
    window: number,
  ): Uint8Array {
    const { parent, name, input } = this.method;
    const headers = encodeHeaders([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", `/${parent.typeName}/${name}`],
      [":authority", "lainlet"],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    ]);
    const message = messageFrame([toBinary(input, create(input, request))]);
    return Uint8Array.from([
      ...PREFACE,
      ...settingsFrame([[SETTING.initialWindowSize, window]]),
      ...encodeFrame(TYPE.headers, FLAG.endHeaders, STREAM, headers),
      ...encodeFrame(TYPE.data, FLAG.endStream, STREAM, message),
    ]);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#connection?.write(bytes.subarray(at)) ?? bytes.length;
    }
  }

  async #take({ type, flags, stream, payload }: Frame): Promise<void> {
    const isAck = (flags & FLAG.ack) !== 0;
    switch (type) {
      case TYPE.settings:
        if (isAck) return;
        return await this.#send(encodeFrame(type, FLAG.ack, 0));
      case TYPE.ping:
        if (isAck) return;
        return await this.#send(encodeFrame(type, FLAG.ack, 0, payload));
      case TYPE.headers:
        return this.#takeHeaders(payload);
      case TYPE.data: {
        this.#takeData(payload);
        const size = payload.length;
        if (size === 0) return;
        await this.#send(
          encodeFrame(TYPE.windowUpdate, 0, 0, encodeUint32s(size)),
        );
        return await this.#send(
          encodeFrame(TYPE.windowUpdate, 0, stream, encodeUint32s(size)),
        );
      }
      case TYPE.rstStream:
        this.isOpen = false;
    }
  }

  #takeHeaders(block: Uint8Array): void {
    const headers = new Map(this.#hpack.decode(block, 1e6));
    const code = headers.get("grpc-status");
    if (code === undefined) return;
    const message = headers.get("grpc-message") ?? "";
    this.status = { code: Number(code), message };
    this.isOpen = false;
  }

  #takeData(payload: Uint8Array): void {
    this.#bytes.push(...payload);
    for (;;) {
      const [, a = 0, b = 0, c = 0, d = 0] = this.#bytes;
      const end = 5 + (a << 24 | b << 16 | c << 8 | d);
      if (this.#bytes.length < Math.max(5, end)) return;
      const reply = Uint8Array.from(this.#bytes.slice(5, end));
      this.#bytes = this.#bytes.slice(end);
      this.#replies.push(replyText(this.method, reply));
    }
  }
}

/** The codes that a call may end with. */
export const EXPECTED: ReadonlySet<number> = new Set([
  CODE.ok,
  CODE.permissionDenied,
  CODE.unavailable,
]);
