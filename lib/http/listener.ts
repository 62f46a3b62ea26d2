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
  /** The server that accepts connections, and earlier ones that may have some left. */
  readonly #servers = new Set<Deno.HttpServer>();
  /** Those that have reported that they accept no more. */
  readonly #failed = new Set<Deno.HttpServer>();
  #current?: Deno.HttpServer;

  /** Listens. @throws {Error} that says why not */
  constructor(
    readonly address: Address,
    private readonly options: PortOptions,
  ) {
    this.open();
  }

  /** Whether this thread has reported that it accepts no more. */
  get hasFailed(): boolean {
    return this.#current !== undefined && this.#failed.has(this.#current);
  }

  /**
   * Listens anew. Requests and streams of earlier servers go on. Idle
   * connections of a server that has reported its failure are closed.
   *
   * A server that has not is left alone until its connections end. In Deno
   * before 2.9, `shutdown()` panics when the server no longer accepts, its last
   * connection has just ended, and it has not reported that yet: both wait for
   * the task that accepts, and one of them finds it taken. The runtime of a
   * compiled binary does not end after a panic: it hangs.
   *
   * @throws {Error} that says why not
   */
  open(): void {
    const { hostname, port, isShared } = this.address;
    const server = Deno.serve({
      hostname,
      port,
      reusePort: isShared,
      onListen: () => {},
      handler: this.options.handler,
    });
    server.finished.catch(() => this.#fail(server));
    this.#current = server;
    this.#servers.add(server);
    for (const old of this.#failed) this.#shutDown(old);
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

  #fail(server: Deno.HttpServer): void {
    this.#failed.add(server);
    if (server === this.#current) this.options.onFailure();
    else this.#shutDown(server);
  }

  async #shutDown(server: Deno.HttpServer): Promise<void> {
    try {
      await server.shutdown();
    } catch {
      // It had stopped to listen, and says why again.
    }
    this.#servers.delete(server);
    this.#failed.delete(server);
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
