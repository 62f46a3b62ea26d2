/** A TCP proxy that can cut all connections and refuse new ones. */
export class Proxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;
  #isCut = false;
  /** Connections that were ever made through it. */
  accepted = 0;

  /** @param target the port on 127.0.0.1 that it leads to */
  constructor(private readonly target: number) {
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Connections that were made through it and are open. */
  get connections(): number {
    return this.#open.size / 2;
  }

  /** Closes all connections, and each new one at once. */
  cut(): void {
    this.#isCut = true;
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  /** Lets connections through again. */
  mend(): void {
    this.#isCut = false;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.#isCut) {
        client.close();
        continue;
      }
      this.accepted++;
      const server = await Deno.connect({
        hostname: "127.0.0.1",
        port: this.target,
      });
      this.#join(client, server);
    }
  }

  #join(a: Deno.Conn, b: Deno.Conn): void {
    this.#open.add(a).add(b);
    const pump = async (from: Deno.Conn, to: Deno.Conn) => {
      await from.readable.pipeTo(to.writable).catch(() => {});
      for (const conn of [a, b]) {
        this.#open.delete(conn);
        close(conn);
      }
    };
    pump(a, b);
    pump(b, a);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}
