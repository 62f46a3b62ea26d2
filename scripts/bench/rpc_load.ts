/**
 * Callers of gRPC, in a process of their own: they read with as little work as
 * can be.
 *
 * @module
 */
import { messageFrame } from "../../lib/broadcast/message.ts";
import {
  encodeFrame,
  FLAG,
  MAX_WINDOW,
  PREFACE,
  SETTING,
  settingsFrame,
  TYPE,
  words,
} from "../../lib/http2/frame.ts";
import { encodeHeaders } from "../../lib/http2/hpack.ts";
import { obey } from "./child.ts";

let bytes = 0;

async function read(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(128 * 1024);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    bytes += count;
  }
}

/** What the process can do. */
export const rpcLoad = {
  /** Opens streams of a method, some on each of some connections. */
  async listen(
    { port, path, streams, count }: {
      port: number;
      path: string;
      streams: number;
      count: number;
    },
  ): Promise<void> {
    const headers = encodeHeaders([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", "bench"],
      ["content-type", "application/grpc"],
    ]);
    for (let i = 0; i < count; i++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const begin = [
        PREFACE,
        settingsFrame([[SETTING.initialWindowSize, MAX_WINDOW]]),
        encodeFrame(TYPE.windowUpdate, 0, 0, words(MAX_WINDOW - 65_535)),
      ];
      for (let stream = 1; stream < 2 * streams; stream += 2) {
        begin.push(
          encodeFrame(TYPE.headers, FLAG.endHeaders, stream, headers),
          encodeFrame(TYPE.data, FLAG.endStream, stream, messageFrame([])),
        );
      }
      await connection.write(
        new Uint8Array(
          await new Blob(
            begin.map((part) => new Uint8Array(part)),
          ).arrayBuffer(),
        ),
      );
      read(connection);
    }
  },

  /** How many bytes came up to now. */
  bytes: (_: null): Promise<number> => Promise.resolve(bytes),
};

if (import.meta.main) await obey(rpcLoad);
