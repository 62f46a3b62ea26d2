import { Buffer } from "node:buffer";
import { FLAG, TYPE, uint32At } from "../../lib/http2/frame.ts";
import {
  type Http2Address,
  type Http2Limits,
  Http2Server,
} from "../../lib/http2/server.ts";
import type { Http2Stream } from "../../lib/http2/stream.ts";
import { callHeaders, Http2Peer } from "./http2_peer.ts";

/** A server of HTTP/2 that answers each request with its path and body, or with so many bytes. */
export class Http2Echo implements AsyncDisposable {
  readonly streams: Http2Stream[] = [];
  readonly bodies: string[] = [];
  open = 0;
  readonly server: Http2Server;

  /** @param limits others than the standard ones */
  constructor(tls?: Http2Address["tls"], limits?: Http2Limits) {
    const address = { hostname: "127.0.0.1", port: 0, tls };
    this.server = new Http2Server(address, (stream) => {
      this.streams.push(stream);
      this.open++;
      const path = stream.headers.get(":path") ?? "";
      let body = "";
      return {
        data: (bytes) => body += new TextDecoder().decode(bytes),
        end: () => {
          this.bodies.push(body);
          stream.respond([[":status", "200"]]);
          const size = Number(path.slice(1));
          const text = size > 0 ? "x".repeat(size) : path + body;
          const bytes = new TextEncoder().encode(text);
          stream.write(bytes, (_count, isLast) => {
            if (isLast) stream.end([["done", "1"]]);
          });
        },
        close: () => this.open--,
      };
    }, limits);
  }

  get port(): number {
    return this.server.address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}

/** Sends frames, and reads why the connection ends. @returns undefined when there is no GOAWAY */
export async function connectionError(
  { port }: Http2Echo,
  ...frames: readonly Uint8Array[]
): Promise<number | undefined> {
  await using peer = await Http2Peer.connect(port);
  // The server may be faster, and read no more.
  await peer.send(Buffer.concat(frames)).catch(() => {});
  return await peer.goaway();
}

/**
 * Sends frames of streams below 99, and then a request. @returns the streams
 * that end before it is answered, and why
 */
export async function streamErrors(
  { port }: Http2Echo,
  ...frames: readonly Uint8Array[]
): Promise<[stream: number, code: number][]> {
  await using peer = await Http2Peer.connect(port);
  await peer.send(...frames);
  await peer.open(99, callHeaders("/next"), FLAG.endHeaders | FLAG.endStream);
  const errors: [number, number][] = [];
  for (;;) {
    const frame = await peer.next();
    if (frame === undefined) throw new Error("the connection is over");
    const { type, stream, payload } = frame;
    if (type === TYPE.rstStream) errors.push([stream, uint32At(payload, 0)]);
    if (type === TYPE.data && stream === 99) return errors;
  }
}
