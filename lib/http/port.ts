/** Where to listen. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
  /** Other threads listen there, too. */
  readonly isShared: boolean;
}

/** What is done with the connections to a port. */
export interface PortOptions {
  readonly handler: Deno.ServeHandler<Deno.NetAddr>;
  /** Called when the port is closed; by Deno before 2.9 not while connections are open. */
  readonly onFailure: () => void;
}

/**
 * A port, as one thread serves it. The first connection that cannot be
 * accepted, as there is no file descriptor for it, makes `Deno.serve` close
 * the port for good; the connections that it has are served on. So a port can
 * be opened again.
 */
export class Port {
  /** The one that accepts connections, and those that have some left. */
  readonly #servers = new Set<Deno.HttpServer>();
  #current?: Deno.HttpServer;

  /** Listens. @throws {Error} that says why not */
  constructor(
    readonly address: Address,
    private readonly options: PortOptions,
  ) {
    this.open();
  }

  /**
   * Listens anew. Streams go on; connections that wait for a request are
   * closed, as nobody else would close them.
   *
   * @throws {Error} that says why not
   */
  open(): void {
    const { hostname, port, isShared } = this.address;
    const { handler, onFailure } = this.options;
    const server = Deno.serve({
      hostname,
      port,
      reusePort: isShared,
      onListen: () => {},
      handler,
    });
    server.finished.catch(() => {
      if (server === this.#current) onFailure();
    });
    this.#current = server;
    for (const old of this.#servers) this.#shutDown(old);
    this.#servers.add(server);
  }

  /** Whether any thread listens. @throws {Error} that says why that is not known */
  get isOpen(): boolean {
    try {
      freePort(this.address);
      return false;
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return true;
      throw error;
    }
  }

  /** Listens no more, and waits until all requests have been answered. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((one) => this.#shutDown(one)));
  }

  async #shutDown(server: Deno.HttpServer): Promise<void> {
    try {
      await server.shutdown();
    } catch {
      // It had stopped to listen, and says why again.
    }
    this.#servers.delete(server);
  }
}

/**
 * A port that nobody listens on.
 *
 * @param address where 0 is any port
 * @throws {Error} that says why it cannot be had
 */
export function freePort(
  { hostname, port }: Pick<Address, "hostname" | "port">,
): number {
  const listener = Deno.listen({ hostname, port });
  listener.close();
  return listener.addr.port;
}
