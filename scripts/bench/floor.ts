/**
 * The least that the machine needs for what lainlet does: the same bytes to
 * as many sockets by bare writes; and streams of a bare `Deno.serve` in which
 * nothing happens.
 *
 * @module
 */
import { obey } from "./child.ts";

const encoder = new TextEncoder();
const HEAD = encoder.encode(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" +
    "transfer-encoding: chunked\r\n\r\n",
);

const connections: Deno.TcpConn[] = [];

/** A frame as lainlet sends it, in a chunk of HTTP/1.1. */
function chunk(id: number, data: string): Uint8Array {
  const frame = `id: ${id}\nevent: update\ndata: ${data}\n\n`;
  return encoder.encode(`${frame.length.toString(16)}\r\n${frame}\r\n`);
}

async function writeAll(
  connection: Deno.TcpConn,
  bytes: Uint8Array,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += await connection.write(bytes.subarray(done));
  }
}

async function writeToAll(bytes: Uint8Array): Promise<void> {
  await Promise.all(connections.map((one) => writeAll(one, bytes)));
}

async function accept(listener: Deno.TcpListener): Promise<void> {
  for await (const connection of listener) {
    await connection.read(new Uint8Array(4096));
    await writeAll(connection, HEAD);
    connections.push(connection);
  }
}

/** What the process can do. */
export const floor = {
  /** Listens for clients. @returns the port */
  listen(_: null): Promise<number> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    accept(listener);
    return Promise.resolve(listener.addr.port);
  },

  /** Waits until so many can be written to. */
  async accepted(count: number): Promise<void> {
    while (connections.length < count) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  },

  /** Serves streams that carry nothing. @returns the port */
  serve(_: null): Promise<number> {
    const { addr } = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      handler: () =>
        new Response(new ReadableStream({ start: () => {} }), {
          headers: { "Content-Type": "text/event-stream" },
        }),
    });
    return Promise.resolve(addr.port);
  },

  /** Writes a state to all clients. @returns when it began, as `Date.now()` would tell */
  async write({ id, data }: { id: number; data: string }): Promise<number> {
    const start = performance.timeOrigin + performance.now();
    await writeToAll(chunk(id, data));
    return start;
  },

  /** Writes to all clients, again and again. @returns how often */
  async saturate(
    { seconds, data }: { seconds: number; data: string },
  ): Promise<number> {
    const end = performance.now() + seconds * 1000;
    let rounds = 0;
    while (performance.now() < end) {
      await writeToAll(chunk(100 + rounds, data));
      rounds++;
    }
    return rounds;
  },

  /** Closes all connections. */
  close(_: null): Promise<void> {
    for (const connection of connections.splice(0)) connection.close();
    return Promise.resolve();
  },
};

if (import.meta.main) await obey(floor);
