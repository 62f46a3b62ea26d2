import { getLogger } from "@logtape/logtape";
import { onAbort } from "../abort.ts";
import type { KeyPair } from "../certificates.ts";
import { probePort } from "../listen.ts";
import { sleep } from "../time.ts";
import { Http2Connection } from "./connection.ts";
import { concat, PREFACE } from "./frame.ts";
import { type Peer, Peers } from "./peers.ts";
import type { QuotaLimits } from "./quota.ts";
import type { Http2Stream, StreamHandler } from "./stream.ts";

const log = getLogger(["lainlet", "http2"]);

/** How long the TLS handshake and the preface of a connection may take together, in ms. */
const PREFACE_TIMEOUT = 10_000;

/** How long a broken connection may take to read the GOAWAY, in ms. */
const GOAWAY_GRACE = 1_000;

/** How often connections are checked for slow readers, and get a PING, in ms. */
const CHECK_INTERVAL = 1_000;
const PING_INTERVAL = 30_000;

/** Delay after a connection that could not be accepted, in ms. */
const ACCEPT_RETRY = 200;

/** How often the certificate is reloaded, in ms. */
const RELOAD_INTERVAL = 5_000;

/** How often a kind of problem is logged, in ms. */
const LOG_INTERVAL = 60_000;

/** The response to HTTP/1 clients. */
const NOT_HTTP2 = new TextEncoder().encode(
  [
    "HTTP/1.1 505 HTTP Version Not Supported",
    "Connection: close",
    "Content-Type: text/plain",
    "",
    "this port speaks gRPC, which is HTTP/2\n",
  ].join("\r\n"),
);

/** Where an {@linkcode Http2Server} listens. */
export interface Http2Address {
  readonly hostname: string;
  /** 0 is any free port. */
  readonly port: number;
  /** Reads the current certificate and its key; undefined for no TLS. */
  readonly tls?: { read(): KeyPair };
}

/** Limits of an {@linkcode Http2Server}. */
export interface Http2Limits {
  /** Limits of one address. */
  readonly quota: QuotaLimits;
  /** How long pending data may stay unread before its connection is closed, in ms. */
  readonly slowAfter: number;
}

const DEFAULT_LIMITS: Http2Limits = {
  quota: { connections: 1_000, bytes: 2 ** 25, bodies: 2 ** 25 },
  slowAfter: 60_000,
};

/**
 * An HTTP/2 server, with TLS or prior knowledge, as far as gRPC needs it.
 *
 * `Deno.serve` cannot serve gRPC, because it sends no trailers. `node:http2`
 * cannot in Deno 2.7.11, whose runtime the executable may contain: it buffers
 * without bound for a client that does not read
 * (https://github.com/denoland/deno/pull/36044), and has no TLS. In Deno 2.9.6 a
 * segmentation fault was seen once when clients in Node.js disconnected amid
 * streams. `scripts/node_http2.ts` tests both: in 2.9.6 it applies backpressure,
 * and survived 5,000 connections that were dropped with 30,000 streams. When the
 * executable contains such a runtime, this module can be removed.
 */
export class Http2Server {
  #listener: Deno.TcpListener | Deno.TlsListener;
  readonly #peers: Peers;
  /** A promise for each connection, before or after the preface. */
  readonly #served = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #timers: readonly ReturnType<typeof setInterval>[];
  /** When a problem was last logged, by its kind. */
  readonly #loggedAt = new Map<string, number>();

  /**
   * Listens.
   *
   * @param onRequest called for each request, with its headers
   * @param onRefused called for each connection that is refused because its
   * address has too many, or closed to free a file descriptor
   * @throws {Error} if it cannot listen
   */
  constructor(
    { tls, ...address }: Http2Address,
    private readonly onRequest: (stream: Http2Stream) => StreamHandler,
    private readonly limits: Http2Limits = DEFAULT_LIMITS,
    onRefused: () => void = () => {},
  ) {
    this.#peers = new Peers(limits.quota, onRefused);
    const pair = tls?.read();
    if (pair === undefined) this.#listener = Deno.listen(address);
    else {
      // The TLS listener shares the port, so it would open a port in use.
      probePort(address);
      this.#listener = listenTls(address, pair);
    }
    this.#accept(this.#listener);
    this.#timers = [
      this.#startChecks(),
      ...tls && pair ? [this.#startReloading(tls, pair)] : [],
    ];
  }

  /** Memory reserved by all addresses, in bytes, as their quotas count it. */
  get reservedBytes(): number {
    return this.#peers.reservedBytes;
  }

  get address(): { hostname: string; port: number } {
    return this.#listener.addr;
  }

  /** Stops listening and refuses new requests; resolves when all open ones have been answered. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#closing.abort();
    this.#listener.close();
    for (const [, connection] of this.#peers) connection.goAway();
    await Promise.all(this.#served);
  }

  /** Reloads the certificate regularly; a new one is used for new connections. */
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
        log.info("certificate renewed for new connections");
      } catch (error) {
        this.#logProblem("cannot use a renewed certificate", {
          error: String(error),
        });
      }
    }, RELOAD_INTERVAL);
  }

  /** Accepts connections until the server is closed, or its listener is replaced. */
  async #accept(listener: Deno.TcpListener | Deno.TlsListener): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const conn = await listener.accept();
        // Small frames must not wait for more data.
        if ("setNoDelay" in conn) conn.setNoDelay();
        const served = this.#admit(conn);
        if (served === undefined) continue;
        this.#served.add(served);
        served.finally(() => this.#served.delete(served));
      } catch (error) {
        if (signal.aborted || listener !== this.#listener) return;
        this.#logProblem("cannot accept a connection", {
          error: String(error),
        });
        this.#peers.closeIdle();
        await sleep(ACCEPT_RETRY, signal);
      }
    }
  }

  /** Serves a connection, unless its address has too many. @returns resolves when it has ended */
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

  /** Checks regularly that peers read, and that they are alive. */
  #startChecks(): ReturnType<typeof setInterval> {
    const { slowAfter } = this.limits;
    let last = performance.now();
    let pingedAt = last;
    return setInterval(() => {
      const now = performance.now();
      const elapsed = now - last;
      last = now;
      const isPingDue = now - pingedAt >= PING_INTERVAL;
      if (isPingDue) pingedAt = now;
      for (const [{ address }, one] of this.#peers) {
        const isSlow = one.tick(elapsed) >= slowAfter;
        if (isSlow) {
          this.#logProblem("a peer does not read, its connection ends", {
            peer: address,
          });
        }
        if (isSlow || isPingDue && !one.ping()) one.close();
      }
    }, Math.min(CHECK_INTERVAL, slowAfter));
  }

  #logProblem(problem: string, details: Record<string, string>): void {
    const now = performance.now();
    const last = this.#loggedAt.get(problem) ?? -Infinity;
    if (now - last < LOG_INTERVAL) return;
    this.#loggedAt.set(problem, now);
    log.error(problem, details);
  }

  /** Serves a connection until it ends. Never throws. */
  async #serve(conn: Deno.Conn<Deno.NetAddr>, peer: Peer): Promise<void> {
    const end = () => close(conn);
    const timer = setTimeout(end, PREFACE_TIMEOUT);
    const remove = onAbort(this.#closing.signal, end);
    try {
      const rest = await readPreface(conn);
      clearTimeout(timer);
      remove();
      if (rest === "HTTP/1") await conn.write(NOT_HTTP2);
      else if (rest !== undefined && !this.#closing.signal.aborted) {
        await this.#serveHttp2(conn, rest, peer);
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
      // The GOAWAY may not be sent yet, if the peer does not read.
      await sleep(GOAWAY_GRACE, this.#closing.signal);
    } finally {
      connections.delete(connection);
      connection.close();
    }
  }
}

/** Matches a request line of HTTP/1: RFC 9112, 3. */
const HTTP1 = /^[A-Z]+ [^\n]* HTTP\/1\.\d\r?\n/;

/** Maximum length of a request line that is recognized, in bytes. */
const MAX_REQUEST_LINE = 8 * 1024;

/** Listens on a port that is shared, so that another listener can take over without a gap. */
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
 * Reads the preface of an HTTP/2 connection.
 *
 * @returns the bytes after it; undefined for an unknown protocol
 * @throws {Error} if the connection ends
 */
async function readPreface(
  conn: Deno.Conn<Deno.NetAddr>,
): Promise<Uint8Array | "HTTP/1" | undefined> {
  let bytes = new Uint8Array(0);
  const buffer = new Uint8Array(1_024);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error("closed before the preface");
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
    // Already closed.
  }
}
