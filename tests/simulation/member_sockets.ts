import { Channel, type Link, soon } from "./network.ts";

/** What serves a connection. */
export interface Handler {
  /** Called with the received bytes. */
  receive(bytes: Uint8Array): void;
  /** Called when the client has closed the connection, or it was dropped. */
  end(): void;
}

/** The client's end of a connection. */
export type ClientConn = Pick<
  Deno.TcpConn,
  "read" | "write" | "close" | "setNoDelay"
>;

/** The server's end of a connection. */
export interface ServerSocket {
  /** Sends bytes. @param extra delays these and all later bytes, in ms */
  send(bytes: Uint8Array, extra?: number): void;
  /** Closes the connection after the sent bytes. */
  close(): void;
  /** Drops the connection, with the bytes in transit. */
  drop(): void;
  /** Drops the connection as soon as the sent bytes have arrived. */
  dropAfterSent(): void;
}

/**
 * Connects as `Deno.connect` does.
 *
 * @param accept serves the connection
 * @throws {Deno.errors.ConnectionRefused} when it is refused
 */
export function connect(
  link: Link,
  accept: (socket: ServerSocket) => Handler,
): Promise<ClientConn> {
  return new Connection(link, accept).connected.promise;
}

/** A connection over a link, with both of its ends. */
class Connection {
  readonly connected = Promise.withResolvers<ClientConn>();
  readonly #toClient: Channel;
  readonly #toServer: Channel;
  readonly #disconnect: () => void;
  readonly #client: ClientSocket;
  #handler?: Handler;

  constructor(link: Link, accept: (socket: ServerSocket) => Handler) {
    this.#toClient = new Channel(link);
    this.#toServer = new Channel(link);
    this.#disconnect = link.connect(this);
    this.#client = new ClientSocket(
      (bytes) => this.#toServer.send(() => this.#handler?.receive(bytes)),
      () => {
        this.#toClient.isOver = true;
        this.#toServer.send(() => this.#end());
      },
    );
    const isRefused = link.callFaults[0] === "refused";
    if (isRefused) link.callFaults.shift();
    if (isRefused || !link.isOpen) {
      setTimeout(() => this.#refuse(), 1);
      return;
    }
    this.#toServer.send(() => {
      if (!link.isOpen) return this.#refuse();
      this.#handler = accept({
        send: (bytes, extra) => this.#send(bytes, extra),
        close: () => {
          this.#disconnect();
          this.#toClient.send(() => this.#client.end(null));
        },
        drop: () => this.drop(),
        dropAfterSent: () => this.#toClient.send(() => soon(() => this.drop())),
      });
      this.#toClient.send(() => this.connected.resolve(this.#client));
    });
  }

  /** Drops the connection: both ends get an error. */
  drop(): void {
    this.#toClient.isOver = this.#toServer.isOver = true;
    const error = new Deno.errors.ConnectionReset("Connection reset by peer");
    this.connected.reject(error);
    this.#client.end(error);
    this.#end();
  }

  #refuse(): void {
    this.#disconnect();
    const error = new Deno.errors.ConnectionRefused("Connection refused");
    this.connected.reject(error);
  }

  #end(): void {
    this.#disconnect();
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.end();
  }

  #send(bytes: Uint8Array, extra?: number): void {
    // TCP keeps the order of bytes, but not the boundaries of writes.
    const cut = Math.floor(Math.random() * 4 * bytes.length);
    for (const piece of [bytes.slice(0, cut), bytes.slice(cut)]) {
      if (piece.length === 0) continue;
      this.#toClient.send(() => this.#client.receive(piece), extra);
    }
  }
}

/** A waiting read. */
interface PendingRead {
  readonly buffer: Uint8Array;
  resolve(length: number | null): void;
  reject(error: Error): void;
}

/** The client's end of a connection, with the methods that lainlet uses. */
class ClientSocket implements ClientConn {
  readonly #received: Uint8Array[] = [];
  #pendingRead?: PendingRead;
  /** Set at the end of the connection: the error; null: it was closed. */
  #end?: Error | null;
  #isClosed = false;

  /** @param onWrite called with written bytes @param onClose called when it is closed */
  constructor(
    private readonly onWrite: (bytes: Uint8Array) => void,
    private readonly onClose: () => void,
  ) {}

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#isClosed) return Promise.reject(closed());
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    this.#pendingRead = { buffer, resolve, reject };
    this.#serve();
    return promise;
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#isClosed) return Promise.reject(closed());
    if (this.#end) {
      return Promise.reject(new Deno.errors.BrokenPipe("Broken pipe"));
    }
    const isWhole = Math.random() < 0.8;
    const written = isWhole ? bytes.slice() : bytes.slice(0, bytes.length >> 1);
    this.onWrite(written);
    return Promise.resolve(written.length);
  }

  close(): void {
    if (this.#isClosed) throw closed();
    this.#isClosed = true;
    this.#pendingRead?.reject(closed());
    this.onClose();
  }

  setNoDelay(): void {}

  /** To be called with received bytes. */
  receive(bytes: Uint8Array): void {
    this.#received.push(bytes);
    this.#serve();
  }

  /** To be called at the end of the connection. @param error null: it was closed */
  end(error: Error | null): void {
    this.#end ??= error;
    this.#serve();
  }

  #serve(): void {
    const pending = this.#pendingRead;
    if (pending === undefined) return;
    const [first] = this.#received;
    if (first !== undefined) {
      const piece = first.subarray(0, pending.buffer.length);
      pending.buffer.set(piece);
      if (piece.length === first.length) this.#received.shift();
      else this.#received[0] = first.subarray(piece.length);
      pending.resolve(piece.length);
    } else if (this.#end === null) pending.resolve(null);
    else if (this.#end !== undefined) pending.reject(this.#end);
    else return;
    this.#pendingRead = undefined;
  }
}

function closed(): Error {
  return new Deno.errors.BadResource("Bad resource ID");
}
