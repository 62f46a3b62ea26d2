/**
 * Listens at a host; on every address when none is named, by IPv6 where the
 * system has it.
 *
 * @param listen takes the host, and throws when it cannot be had
 * @throws {Error} that says why not
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
