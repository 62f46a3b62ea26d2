/**
 * gRPC clients, in a separate process: they read with as little work as
 * possible.
 *
 * @module
 */
import { openingOf } from "../../tests/util/http2_peer.ts";
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
    const opening = openingOf(path, streams);
    for (let i = 0; i < count; i++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(opening);
      read(connection);
    }
  },

  /** How many bytes came up to now. */
  bytes: (_: null): Promise<number> => Promise.resolve(bytes),
};

if (import.meta.main) await obey(rpcLoad);
