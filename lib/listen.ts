/**
 * Listens on an address. An empty host is all addresses: `::`, or `0.0.0.0`
 * where the system has no IPv6.
 *
 * @param listen listens on the given host, or throws
 * @throws {Error} with the address and the reason
 */
export function listenAt<T>(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  listen: (hostname: string) => T,
): T {
  try {
    return listen(hostname || "::");
  } catch (error) {
    if (hostname === "" && !(error instanceof Deno.errors.AddrInUse)) {
      return listenAt({ hostname: "0.0.0.0", port }, listen);
    }
    throw new Error(
      `cannot listen on ${hostname}:${port}: ${
        error instanceof Error ? error.message : error
      }`,
    );
  }
}

/**
 * Checks that nothing listens on a port. Opening a shared port succeeds even if
 * another process listens on it.
 *
 * @returns the port, or a free one for port 0
 * @throws {Error} if it is in use, or not allowed
 */
export function probePort(
  { hostname, port }: { readonly hostname: string; readonly port: number },
): number {
  const listener = Deno.listen({ hostname, port });
  listener.close();
  return listener.addr.port;
}
