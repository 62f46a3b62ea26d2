import { onAbort } from "../abort.ts";
import { getLogger } from "@logtape/logtape";
import { sleep } from "../backoff.ts";
import { Http2Connection } from "./connection.ts";
import { join, PREFACE } from "./frame.ts";
import type { Http2Stream, StreamHandler } from "./stream.ts";

const log = getLogger(["lainlet", "http2"]);

/** How long a connection may take to begin, TLS included, and to end, in ms. */
const PATIENCE = 10_000;
const FAREWELL = 1_000;

/** How often whoever is connected is asked for a sign of life, in ms. */
const CHECK_EVERY = 30_000;

/** How long no connection is accepted after one that could not be, in ms. */
const PAUSE = 200;

/** How often trouble is told, in ms. */
const TOLD_EVERY = 60_000;

/** The answer to those who speak HTTP/1. */
const NOT_HTTP2 = new TextEncoder().encode(
  [
    "HTTP/1.1 505 HTTP Version Not Supported",
    "Connection: close",
    "Content-Type: text/plain",
    "",
    "this port speaks gRPC, which is HTTP/2\n",
  ].join("\r\n"),
);

/** Where to listen. */
export interface Http2Address {
  readonly hostname: string;
  /** 0 is any. */
  readonly port: number;
  /** PEM texts; without, there is no TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/**
 * A server of HTTP/2, by prior knowledge or TLS: as much of it as gRPC needs.
 *
 * Not `node:http2`: before Deno 2.9 it takes whatever it is given for a client
 * that does not read (https://github.com/denoland/deno/pull/36044), and has no
 * TLS; since, a client that leaves amid streams can end the process
 * (https://github.com/denoland/deno/issues/36788). Nor `Deno.serve`, which
 * sends no trailers.
 */
export class Http2Server {
  readonly #listener: Deno.TcpListener | Deno.TlsListener;
  readonly #connections = new Set<Http2Connection>();
  /** Of each connection, whether it has begun or not. */
  readonly #served = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #toldAt = -Infinity;

  /**
   * Listens.
   *
   * @param open called for each request, with its headers
   * @throws {Error} that says why not
   */
  constructor(
    { tls, ...address }: Http2Address,
    private readonly open: (stream: Http2Stream) => StreamHandler,
  ) {
    this.#listener = tls === undefined
      ? Deno.listen(address)
      : Deno.listenTls({ ...address, ...tls, alpnProtocols: ["h2"] });
    this.#accept();
    this.#timer = setInterval(() => {
      for (const one of this.#connections) if (!one.check()) one.close();
    }, CHECK_EVERY);
  }

  get address(): { hostname: string; port: number } {
    return this.#listener.addr;
  }

  /** Takes no new requests, and waits until those that are there are answered. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    this.#listener.close();
    for (const connection of this.#connections) connection.end();
    await Promise.all(this.#served);
  }

  async #accept(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const conn = await this.#listener.accept();
        // What is small is not to wait for more.
        if ("setNoDelay" in conn) conn.setNoDelay();
        const served = this.#serve(conn).finally(() =>
          this.#served.delete(served)
        );
        this.#served.add(served);
      } catch (error) {
        if (signal.aborted) return;
        this.#tell(error);
        await sleep(PAUSE, signal);
      }
    }
  }

  #tell(error: unknown): void {
    const now = performance.now();
    if (now - this.#toldAt < TOLD_EVERY) return;
    this.#toldAt = now;
    log.error("a connection cannot be accepted", { error: String(error) });
  }

  /** Serves a connection until it is over. Never throws. */
  async #serve(conn: Deno.Conn<Deno.NetAddr>): Promise<void> {
    const end = () => close(conn);
    const timer = setTimeout(end, PATIENCE);
    const remove = onAbort(this.#closing.signal, end);
    try {
      const begin = await readPreface(conn);
      clearTimeout(timer);
      remove();
      if (begin === "HTTP/1") await conn.write(NOT_HTTP2);
      else if (begin !== undefined && !this.#closing.signal.aborted) {
        await this.#converse(conn, begin);
      }
    } catch (error) {
      log.debug("a connection is lost", { error: String(error) });
    } finally {
      clearTimeout(timer);
      remove();
      close(conn);
    }
  }

  async #converse(
    conn: Deno.Conn<Deno.NetAddr>,
    rest: Uint8Array,
  ): Promise<void> {
    const peer = conn.remoteAddr.hostname;
    const connection = new Http2Connection(conn, peer, this.open);
    this.#connections.add(connection);
    try {
      let problem = connection.receive(rest);
      const buffer = new Uint8Array(4_096);
      while (problem === undefined) {
        const count = await conn.read(buffer);
        if (count === null) return;
        problem = connection.receive(buffer.subarray(0, count));
      }
      log.debug("a connection is broken", { peer, problem });
      // Which may be the reason to read no more.
      await sleep(FAREWELL, this.#closing.signal);
    } finally {
      this.#connections.delete(connection);
      connection.close();
    }
  }
}

/** A request line of HTTP/1: RFC 9112, 3. */
const HTTP1 = /^[A-Z]+ [^\n]* HTTP\/1\.\d\r?\n/;

/** How much is read to find a request line, in bytes. */
const MAX_LINE = 8 * 1024;

/**
 * Reads what a client of HTTP/2 begins with.
 *
 * @returns what came behind it; undefined when it is an unknown protocol
 * @throws {Error} when the connection is lost
 */
async function readPreface(
  conn: Deno.Conn<Deno.NetAddr>,
): Promise<Uint8Array | "HTTP/1" | undefined> {
  let bytes = new Uint8Array(0);
  const buffer = new Uint8Array(1_024);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error("it ended before it began");
    bytes = new Uint8Array(join(bytes, buffer.subarray(0, count)));
    if (PREFACE.every((byte, i) => byte === (bytes[i] ?? byte))) {
      if (bytes.length < PREFACE.length) continue;
      return bytes.subarray(PREFACE.length);
    }
    const text = new TextDecoder().decode(bytes);
    if (HTTP1.test(text)) return "HTTP/1";
    if (text.includes("\n") || bytes.length > MAX_LINE) return undefined;
  }
}

function close(conn: Deno.Conn<Deno.NetAddr>): void {
  try {
    conn.close();
  } catch {
    // It was closed before.
  }
}
