/** What becomes of bytes on their way. */
export type Fault =
  /** Passed on. */
  | "none"
  /** Passed on later, at least so many ms each. */
  | { readonly delay: number }
  /** Taken, and never passed on: to the server, to the client, or both. */
  | "silent to server"
  | "silent to client"
  | "silent"
  /** Connections are closed at once. */
  | "cut";

type Direction = "client" | "server";

/** A TCP proxy with faults. */
export class Proxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.TcpConn>();
  readonly #accepting: Promise<void>;
  #fault: Fault = "none";
  #edit?: (bytes: Uint8Array) => Uint8Array | undefined;
  /** Connections that were ever made through it. */
  accepted = 0;
  /** Bytes that were passed on to clients. */
  sent = 0;

  readonly #target: number;

  /** @param target URL of what it leads to, on 127.0.0.1 */
  constructor(target: string) {
    this.#target = Number(new URL(target).port);
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections that were made through it and are open. */
  get connections(): number {
    return this.#open.size / 2;
  }

  /** From now on this becomes of all bytes, of open connections and new ones. */
  set fault(fault: Fault) {
    this.#fault = fault;
    if (fault === "cut") this.#closeAll();
  }

  /** Ends all connections in an orderly way towards the server, and leaves them open towards the client. */
  async halfClose(): Promise<void> {
    for (const conn of this.#open) {
      if (conn.remoteAddr.port === this.#target) await conn.closeWrite();
    }
  }

  /**
   * Edits what the server says, one TCP read at a time, until the function
   * returns something.
   */
  editOnce(edit: (bytes: Uint8Array) => Uint8Array | undefined): void {
    this.#edit = edit;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.accepted++;
      if (this.#fault === "cut") {
        client.close();
        continue;
      }
      try {
        const server = await Deno.connect({
          hostname: "127.0.0.1",
          port: this.#target,
        });
        this.#open.add(client).add(server);
        this.#pump(client, server, "server");
        this.#pump(server, client, "client");
      } catch {
        client.close();
      }
    }
  }

  async #pump(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    direction: Direction,
  ): Promise<void> {
    try {
      for await (const bytes of from.readable) {
        await this.#pass(bytes, to, direction);
      }
    } catch {
      // A closed connection ends the pair, as an orderly end does.
    }
    for (const conn of [from, to]) {
      this.#open.delete(conn);
      close(conn);
    }
  }

  async #pass(
    bytes: Uint8Array,
    to: Deno.TcpConn,
    direction: Direction,
  ): Promise<void> {
    const fault = this.#fault;
    if (fault === "silent" || fault === `silent to ${direction}`) return;
    if (typeof fault === "object") {
      await new Promise((resolve) => setTimeout(resolve, fault.delay));
    }
    let passed = bytes;
    if (direction === "client" && this.#edit !== undefined) {
      const edited = this.#edit(bytes);
      if (edited !== undefined) {
        this.#edit = undefined;
        passed = edited;
      }
    }
    if (direction === "client") this.sent += passed.length;
    for (let done = 0; done < passed.length;) {
      done += await to.write(passed.subarray(done));
    }
  }

  #closeAll(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#closeAll();
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
