import { Buffer } from "node:buffer";
import { messageFrame } from "../../lib/grpc/message.ts";
import {
  encodeFrame,
  encodeUint32s,
  FLAG,
  type Frame,
  FrameReader,
  INITIAL_WINDOW,
  MAX_WINDOW,
  PREFACE,
  SETTING,
  settingsFrame,
  TYPE,
  uint32At,
} from "../../lib/http2/frame.ts";
import {
  encodeHeaders,
  type Header,
  HpackDecoder,
} from "../../lib/http2/hpack.ts";

/** The headers of a gRPC call. */
export function callHeaders(path: string): Header[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "127.0.0.1"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
}

/**
 * The bytes of a client that calls a method on some streams, each with an empty
 * request, with large windows.
 */
export function openingOf(path: string, streams = 1): Uint8Array<ArrayBuffer> {
  const block = encodeHeaders(callHeaders(path));
  const parts = [
    PREFACE,
    settingsFrame([[SETTING.initialWindowSize, MAX_WINDOW]]),
    encodeFrame(
      TYPE.windowUpdate,
      0,
      0,
      encodeUint32s(MAX_WINDOW - INITIAL_WINDOW),
    ),
  ];
  for (let stream = 1; stream < 2 * streams; stream += 2) {
    parts.push(
      encodeFrame(TYPE.headers, FLAG.endHeaders, stream, block),
      encodeFrame(TYPE.data, FLAG.endStream, stream, messageFrame([])),
    );
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** An HTTP/2 client that sends any frames, valid or not. */
export class Http2Peer implements AsyncDisposable {
  readonly #frames = new FrameReader();
  readonly #hpack = new HpackDecoder();
  readonly #seen: Frame[] = [];
  readonly #buffer = new Uint8Array(64 * 1024);
  #isOver = false;

  private constructor(readonly conn: Deno.Conn) {}

  /** Connects, and sends the preface. @param settings the client's */
  static async connect(
    port: number,
    settings: readonly (readonly [id: number, value: number])[] = [],
  ): Promise<Http2Peer> {
    const conn = await Deno.connect({ port, hostname: "127.0.0.1" });
    return await Http2Peer.begin(conn, settings);
  }

  /** The same on a connection that is there. */
  static async begin(
    conn: Deno.Conn,
    settings: readonly (readonly [id: number, value: number])[] = [],
  ): Promise<Http2Peer> {
    const peer = new Http2Peer(conn);
    await peer.send(PREFACE, settingsFrame(settings));
    return peer;
  }

  /** Connects, and sends nothing. */
  static async connectSilently(port: number): Promise<Http2Peer> {
    return new Http2Peer(await Deno.connect({ port, hostname: "127.0.0.1" }));
  }

  async send(...parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      for (let at = 0; at < part.length;) {
        at += await this.conn.write(part.subarray(at));
      }
    }
  }

  /** Sends a request's headers. */
  async open(
    stream: number,
    headers: readonly Header[],
    flags: number = FLAG.endHeaders,
  ): Promise<void> {
    const block = encodeHeaders(headers);
    await this.send(encodeFrame(TYPE.headers, flags, stream, block));
  }

  /** The next frame; undefined when the connection is over. */
  async next(): Promise<Frame | undefined> {
    while (this.#seen.length === 0 && !this.#isOver) {
      const count = await this.conn.read(this.#buffer).catch(() => null);
      if (count === null) this.#isOver = true;
      else {
        for (
          const frame of this.#frames.push(this.#buffer.subarray(0, count))
        ) {
          this.#seen.push({ ...frame, payload: frame.payload.slice() });
        }
      }
    }
    return this.#seen.shift();
  }

  /** The next frame of a type. @throws {Error} when the connection ends before it */
  async nextOf(type: number, stream?: number): Promise<Frame> {
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) throw new Error("the connection is over");
      // To be decoded in any case, as the table is made of all.
      if (frame.type === TYPE.headers) await this.#decode(frame);
      if (frame.type !== type) continue;
      if (stream === undefined || frame.stream === stream) return frame;
    }
  }

  /** Reads to the end. @returns the code of the GOAWAY frame; undefined: none came */
  async goaway(): Promise<number | undefined> {
    let code: number | undefined;
    for (let frame; (frame = await this.next()) !== undefined;) {
      if (frame.type === TYPE.goaway) code = uint32At(frame.payload, 4);
    }
    return code;
  }

  /** Reads the headers of a frame and of those that continue it. */
  async #decode(frame: Frame): Promise<void> {
    const parts = [frame.payload];
    for (let { flags } = frame; (flags & FLAG.endHeaders) === 0;) {
      const next = await this.next();
      if (next?.type !== TYPE.continuation) throw new Error("no continuation");
      parts.push(next.payload);
      flags = next.flags;
    }
    this.block = Buffer.concat(parts);
    this.headers = this.#hpack.decode(this.block, 1e6) ?? [];
  }

  /** What the last headers that {@linkcode nextOf} saw are encoded as. */
  block: Uint8Array = new Uint8Array(0);
  headers: Header[] = [];

  /** The value of a header of those. */
  header(name: string): string | undefined {
    return this.headers.find(([other]) => other === name)?.[1];
  }

  // deno-lint-ignore require-await
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.conn.close();
    } catch {
      // It was closed before.
    }
  }
}
