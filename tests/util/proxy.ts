/** What the proxy does with bytes. */
export type Fault =
  /** Forwarded. */
  | "none"
  /** Forwarded after a delay, in ms. */
  | { readonly delay: number }
  /** Dropped: to the server, to the client, or both. */
  | "silent to server"
  | "silent to client"
  | "silent"
  /** To the client: buffered until there is another fault or none. */
  | "held to client"
  /** Connections are closed at once. */
  | "cut";

type Direction = "client" | "server";

/** Edits bytes before they are forwarded. */
type Edit = (bytes: Uint8Array) => Uint8Array;

/** A TCP proxy with faults. */
export class Proxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.TcpConn>();
  readonly #accepting: Promise<void>;
  #fault: Fault = "none";
  #isReleased = Promise.withResolvers<void>();
  #openEdit: () => Edit = () => (bytes) => bytes;
  /** Connections that were ever made through it. */
  accepted = 0;
  /** Those of them that were closed at once. */
  refused = 0;
  /** Bytes that were forwarded to clients. */
  sent = 0;

  readonly #target: number;

  /** @param target the server, on 127.0.0.1: a URL, or host and port */
  constructor(target: string) {
    this.#target = Number(target.split(":").at(-1));
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get addr(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `http://${this.addr}`;
  }

  /** Connections that were made through it and are open. */
  get connections(): number {
    return this.#open.size / 2;
  }

  /** Sets the fault of all connections, open and new ones. */
  set fault(fault: Fault) {
    this.#fault = fault;
    this.#isReleased.resolve();
    this.#isReleased = Promise.withResolvers();
    if (fault === "cut") this.#closeAll();
  }

  /** Sends the end of all connections in one direction, and leaves them open in the other. */
  async halfClose(towards: Direction): Promise<void> {
    for (const conn of this.#open) {
      const isServer = conn.remoteAddr.port === this.#target;
      if (isServer === (towards === "server")) await conn.closeWrite();
    }
  }

  /** Edits the server's bytes, one TCP read at a time, in connections made from now on. */
  editing(open: () => Edit): void {
    this.#openEdit = open;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.accepted++;
      try {
        if (this.#fault === "cut") throw new Error("cut");
        const server = await Deno.connect({
          hostname: "127.0.0.1",
          port: this.#target,
        });
        this.#join(client, server);
      } catch {
        this.refused++;
        client.close();
      }
    }
  }

  async #join(client: Deno.TcpConn, server: Deno.TcpConn): Promise<void> {
    this.#open.add(client).add(server);
    for (const conn of [client, server]) conn.setNoDelay();
    const edit = this.#openEdit();
    try {
      await Promise.all([
        this.#pump(client, server, "server", (bytes) => bytes),
        this.#pump(server, client, "client", edit),
      ]);
    } catch {
      // One of them was closed.
    }
    for (const conn of [client, server]) {
      this.#open.delete(conn);
      close(conn);
    }
  }

  async #pump(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    direction: Direction,
    edit: Edit,
  ): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    for (let n; (n = await from.read(buffer)) !== null;) {
      while (this.#fault === "held to client" && direction === "client") {
        await this.#isReleased.promise;
      }
      const fault = this.#fault;
      if (fault === "silent" || fault === `silent to ${direction}`) continue;
      if (typeof fault === "object") {
        await new Promise((resolve) => setTimeout(resolve, fault.delay));
      }
      const passed = edit(buffer.subarray(0, n));
      if (direction === "client") this.sent += passed.length;
      for (let done = 0; done < passed.length;) {
        done += await to.write(passed.subarray(done));
      }
    }
    // The end of one direction is forwarded, too.
    await to.closeWrite();
  }

  #closeAll(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fault = "none";
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
