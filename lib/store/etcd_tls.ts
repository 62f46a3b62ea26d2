/**
 * Lets grpc-js reach TLS endpoints that are named by their address. It gives
 * the host as the TLS server name, and Deno refuses addresses there, as a
 * server name must be a DNS name (RFC 6066, 3). Without a server name the
 * certificate is checked against the host all the same.
 *
 * @module
 */
import { isIP } from "node:net";
import tls from "node:tls";

tls.connect = new Proxy(tls.connect, {
  apply(
    connect,
    self,
    [options, ...rest]: [tls.ConnectionOptions, ...unknown[]],
  ) {
    const { servername, ...unnamed } = options;
    const isAddress = servername !== undefined && isIP(servername) !== 0;
    return Reflect.apply(connect, self, [
      isAddress ? unnamed : options,
      ...rest,
    ]);
  },
});

/**
 * Why this runtime cannot speak TLS to etcd; undefined when it can. Before
 * 2.9 HTTP/2 over TLS hangs or fails in Deno's `node:http2`
 * (https://github.com/denoland/deno/issues/33242).
 */
export function tlsProblem(version = Deno.version.deno): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 2 || major === 2 && minor >= 9) return undefined;
  return `Deno ${version}, which this lainlet was compiled with, has no ` +
    "HTTP/2 over TLS: compile it with Deno 2.9 or newer to reach etcd by https";
}
