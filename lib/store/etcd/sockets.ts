/**
 * Makes grpc-js work with Deno's sockets.
 *
 * A plain socket is paused before HTTP/2 gets it: before Deno 2.9 a read in
 * progress goes on beside HTTP/2's own and takes some of the frames, so that
 * the connection hangs (https://github.com/denoland/deno/issues/33009).
 *
 * A TLS socket to an IP address has no server name: grpc-js passes the host as
 * the server name, and Deno refuses addresses there, as RFC 6066, 3 does. The
 * certificate is still checked against the host.
 *
 * A TLS handshake that does not end, and an HTTP/2 session whose peer sends no
 * settings, are destroyed after a time: a closed channel of grpc-js waits for
 * them for ever, and keeps the socket.
 *
 * Deno before 2.9.4 never frees an HTTP/2 session. Its listeners are removed once
 * it has ended, so that grpc-js's side of the connection is freed at least
 * (https://github.com/denoland/deno/pull/36043).
 *
 * @module
 */
import http2 from "node:http2";
import net, { isIP } from "node:net";
import tls from "node:tls";

net.connect = new Proxy(net.connect, {
  apply(connect, self, args: unknown[]) {
    const socket: net.Socket = Reflect.apply(connect, self, args);
    return socket.pause();
  },
});

/** Time for the TLS handshake, and for the peer's settings (RFC 9113, 3.4), in ms: as for a call. */
const TIMEOUT = 3_000;

/** Destroys a socket or a session after a time, unless an event comes first. */
function destroyUnless<T extends tls.TLSSocket | http2.ClientHttp2Session>(
  event: "secureConnect" | "remoteSettings",
  connection: T,
): T {
  const timer = setTimeout(() => connection.destroy(), TIMEOUT);
  for (const end of [event, "close"]) {
    connection.once(end, () => clearTimeout(timer));
  }
  return connection;
}

const sessions = new Set<http2.ClientHttp2Session>();
/** Sessions that had ended at the previous `connect`: by now their last events were dispatched. */
let ended: readonly http2.ClientHttp2Session[] = [];

http2.connect = new Proxy(http2.connect, {
  apply(connect, self, args: unknown[]) {
    for (const session of ended) session.removeAllListeners();
    ended = [...sessions].filter(({ destroyed }) => destroyed);
    for (const session of ended) sessions.delete(session);
    const session: http2.ClientHttp2Session = Reflect.apply(
      connect,
      self,
      args,
    );
    sessions.add(session);
    return destroyUnless("remoteSettings", session);
  },
});

tls.connect = new Proxy(tls.connect, {
  apply(
    connect,
    self,
    [options, ...rest]: [tls.ConnectionOptions, ...unknown[]],
  ) {
    const { servername, ...unnamed } = options;
    const isAddress = servername !== undefined && isIP(servername) !== 0;
    const socket: tls.TLSSocket = Reflect.apply(connect, self, [
      isAddress ? unnamed : options,
      ...rest,
    ]);
    return destroyUnless("secureConnect", socket);
  },
});

/**
 * Returns why this runtime cannot speak TLS to etcd; undefined: it can. Before
 * 2.9, Deno's `node:http2` cannot use an existing TLS socket
 * (https://github.com/denoland/deno/issues/33242).
 */
export function tlsProblem(version = Deno.version.deno): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 2 || major === 2 && minor >= 9) return undefined;
  return `Deno ${version}, which this lainlet was compiled with, has no ` +
    "HTTP/2 over TLS: compile it with Deno 2.9 or newer to reach etcd by https";
}
