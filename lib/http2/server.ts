import { onAbort } from "../abort.ts";
import { getLogger } from "@logtape/logtape";
import { sleep } from "../time.ts";
import type { KeyPair } from "../certificates.ts";
import { Http2Connection } from "./connection.ts";
import { concat, PREFACE } from "./frame.ts";
import { type Peer, Peers } from "./peers.ts";
import type { QuotaLimits } from "./quota.ts";
import type { Http2Stream, StreamHandler } from "./stream.ts";

const log = getLogger(["lainlet", "http2"]);

/** How long a connection may take to begin, TLS included, and to end, in ms. */
const PREFACE_TIMEOUT = 10_000;
const GOAWAY_GRACE = 1_000;

/** How often connections are looked after, and asked for a sign of life, in ms. */
const CHECK_INTERVAL = 1_000;
const PING_INTERVAL = 30_000;

/** How long no connection is accepted after one that could not be, in ms. */
const ACCEPT_RETRY = 200;

/** How often it is looked whether the certificate was renewed, in ms. */
const RELOAD_INTERVAL = 5_000;

/** How often trouble of one kind is told, in ms. */
const LOG_INTERVAL = 60_000;

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
  /** The present certificate and its key; without, there is no TLS. */
  readonly tls?: { read(): KeyPair };
}

/** What a server tolerates from its peers. */
export interface Http2Limits {
  /** What one address may have. */
  readonly quota: QuotaLimits;
  /** How long a peer may read nothing of what is there for it, in ms. */
  readonly slowAfter: number;
}

const DEFAULT_LIMITS: Http2Limits = {
  quota: { connections: 1_000, bytes: 2 ** 25, bodies: 2 ** 25 },
  slowAfter: 60_000,
};

/**
 * A server of HTTP/2, by prior knowledge or TLS: as much of it as gRPC needs.
 *
 * Not `node:http2`: that of Deno 2.7.11, whose runtime the executable may hold,
 * takes whatever it is given for a client that does not read
 * (https://github.com/denoland/deno/pull/36044), and cannot serve TLS. Under
 * Deno 2.9.6 a server of it was seen to end with a segmentation fault when
 * clients of Node.js left amid streams. `scripts/node_http2.ts` tries whether it
 * holds back, and what leaving clients do to it: of 2.9.6 it holds back, and
 * 5,000 connections that were left, with 30,000 streams, did not end it. When the
 * executable holds such a runtime, this module can go. Nor `Deno.serve`, which
 * sends no trailers.
 */
export class Http2Server {
  #listener: Deno.TcpListener | Deno.TlsListener;
  readonly #peers: Peers;
  /** Of each connection, whether it has begun or not. */
  readonly #served = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #timers: readonly ReturnType<typeof setInterval>[];
  /** When trouble was told, by its kind. */
  readonly #loggedAt = new Map<string, number>();

  /**
   * Listens.
   *
   * @param onRequest called for each request, with its headers
   * @throws {Error} that says why not
   */
  constructor(
    { tls, ...address }: Http2Address,
    private readonly onRequest: (stream: Http2Stream) => StreamHandler,
    private readonly limits: Http2Limits = DEFAULT_LIMITS,
  ) {
    this.#peers = new Peers(limits.quota);
    const pair = tls?.read();
    // Where ports are shared, nothing else says that this one is taken.
    if (pair !== undefined) Deno.listen(address).close();
    this.#listener = pair === undefined
      ? Deno.listen(address)
      : listenTls(address, pair);
    this.#accept(this.#listener);
    this.#timers = [
      this.#startChecks(),
      ...tls && pair ? [this.#startReloading(tls, pair)] : [],
    ];
  }

  /** Connections that were refused or closed, as their address had too many. */
  get refused(): number {
    return this.#peers.refused;
  }

  /** Memory that is kept for all peers, in bytes, as their quotas count it. */
  get reservedBytes(): number {
    return this.#peers.reservedBytes;
  }

  get address(): { hostname: string; port: number } {
    return this.#listener.addr;
  }

  /** Takes no new requests, and waits until those that are there are answered. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#closing.abort();
    this.#listener.close();
    for (const [, connection] of this.#peers) connection.goAway();
    await Promise.all(this.#served);
  }

  /** Looks again and again whether the certificate was renewed; then new connections get the new one. */
  #startReloading(
    tls: NonNullable<Http2Address["tls"]>,
    first: KeyPair,
  ): ReturnType<typeof setInterval> {
    let used = first;
    return setInterval(() => {
      const { cert, key } = tls.read();
      if (cert === used.cert && key === used.key) return;
      try {
        const old = this.#listener;
        this.#listener = listenTls(this.address, { cert, key });
        used = { cert, key };
        old.close();
        this.#accept(this.#listener);
        log.info("new connections get a renewed certificate");
      } catch (error) {
        this.#logProblem("a renewed certificate cannot be used", {
          error: String(error),
        });
      }
    }, RELOAD_INTERVAL);
  }

  /** Accepts connections until the server is closed, or has another listener. */
  async #accept(listener: Deno.TcpListener | Deno.TlsListener): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const conn = await listener.accept();
        // What is small is not to wait for more.
        if ("setNoDelay" in conn) conn.setNoDelay();
        const served = this.#admit(conn);
        if (served === undefined) continue;
        this.#served.add(served);
        served.finally(() => this.#served.delete(served));
      } catch (error) {
        if (signal.aborted || listener !== this.#listener) return;
        this.#logProblem("a connection cannot be accepted", {
          error: String(error),
        });
        this.#peers.closeIdle();
        await sleep(ACCEPT_RETRY, signal);
      }
    }
  }

  /** Serves a connection, unless its address has too many. @returns resolves when it is over */
  #admit(conn: Deno.Conn<Deno.NetAddr>): Promise<void> | undefined {
    const { hostname } = conn.remoteAddr;
    const peer = this.#peers.admit(hostname);
    if (peer !== undefined) {
      return this.#serve(conn, peer)
        .finally(() => this.#peers.remove(peer));
    }
    this.#logProblem("an address has too many connections", { peer: hostname });
    close(conn);
  }

  /** Looks after connections: whether they are read, and alive. @returns ends that */
  #startChecks(): ReturnType<typeof setInterval> {
    const { slowAfter } = this.limits;
    let last = performance.now();
    let checkedAt = last;
    return setInterval(() => {
      const now = performance.now();
      const elapsed = now - last;
      last = now;
      const isCheck = now - checkedAt >= PING_INTERVAL;
      if (isCheck) checkedAt = now;
      for (const [{ address }, one] of this.#peers) {
        const isSlow = one.tick(elapsed) >= slowAfter;
        if (isSlow) this.#logProblem("a peer reads nothing", { peer: address });
        if (isSlow || isCheck && !one.ping()) one.close();
      }
    }, Math.min(CHECK_INTERVAL, slowAfter));
  }

  #logProblem(trouble: string, details: Record<string, string>): void {
    const now = performance.now();
    const last = this.#loggedAt.get(trouble) ?? -Infinity;
    if (now - last < LOG_INTERVAL) return;
    this.#loggedAt.set(trouble, now);
    log.error(trouble, details);
  }

  /** Serves a connection until it is over. Never throws. */
  async #serve(conn: Deno.Conn<Deno.NetAddr>, peer: Peer): Promise<void> {
    const end = () => close(conn);
    const timer = setTimeout(end, PREFACE_TIMEOUT);
    const remove = onAbort(this.#closing.signal, end);
    try {
      const begin = await readPreface(conn);
      clearTimeout(timer);
      remove();
      if (begin === "HTTP/1") await conn.write(NOT_HTTP2);
      else if (begin !== undefined && !this.#closing.signal.aborted) {
        await this.#serveHttp2(conn, begin, peer);
      }
    } catch (error) {
      log.debug("a connection is lost", { error: String(error) });
    } finally {
      clearTimeout(timer);
      remove();
      close(conn);
    }
  }

  async #serveHttp2(
    conn: Deno.Conn<Deno.NetAddr>,
    rest: Uint8Array,
    { connections, quota }: Peer,
  ): Promise<void> {
    const peer = conn.remoteAddr.hostname;
    const connection = new Http2Connection(conn, peer, quota, this.onRequest);
    connections.add(connection);
    try {
      let problem = await connection.receive(rest);
      const buffer = new Uint8Array(4_096);
      while (problem === undefined) {
        const count = await conn.read(buffer);
        if (count === null) return;
        problem = await connection.receive(buffer.subarray(0, count));
      }
      log.debug("a connection is broken", { peer, problem });
      // Which may be the reason to read no more.
      await sleep(GOAWAY_GRACE, this.#closing.signal);
    } finally {
      connections.delete(connection);
      connection.close();
    }
  }
}

/** A request line of HTTP/1: RFC 9112, 3. */
const HTTP1 = /^[A-Z]+ [^\n]* HTTP\/1\.\d\r?\n/;

/** How much is read to find a request line, in bytes. */
const MAX_REQUEST_LINE = 8 * 1024;

/** Listens on a port on which another listener may take over without a gap. */
function listenTls(
  address: { readonly hostname: string; readonly port: number },
  pair: KeyPair,
): Deno.TlsListener {
  const { hostname, port } = address;
  const alpnProtocols = ["h2"];
  return Deno.listenTls({
    hostname,
    port,
    ...pair,
    alpnProtocols,
    reusePort: true,
  });
}

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
    bytes = new Uint8Array(concat(bytes, buffer.subarray(0, count)));
    if (PREFACE.every((byte, i) => byte === (bytes[i] ?? byte))) {
      if (bytes.length < PREFACE.length) continue;
      return bytes.subarray(PREFACE.length);
    }
    const text = new TextDecoder().decode(bytes);
    if (HTTP1.test(text)) return "HTTP/1";
    if (text.includes("\n") || bytes.length > MAX_REQUEST_LINE) {
      return undefined;
    }
  }
}

function close(conn: Deno.Conn<Deno.NetAddr>): void {
  try {
    conn.close();
  } catch {
    // It was closed before.
  }
}
