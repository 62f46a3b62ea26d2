import { Channel, type Link, soon } from "./network.ts";

/** The server's callbacks for a connection. */
export interface Handler {
  /** Called with received bytes. */
  take(bytes: Uint8Array): void;
  /** Called when the client has closed the connection, or it was lost. */
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
  /** Loses the connection, and the bytes in transit. */
  lose(): void;
  /** Loses the connection as soon as the sent bytes have arrived. */
  loseNext(): void;
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

/** A connection over a link: both of its ends. */
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
      (bytes) => this.#toServer.send(() => this.#handler?.take(bytes)),
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
        lose: () => this.lose(),
        loseNext: () => this.#toClient.send(() => soon(() => this.lose())),
      });
      this.#toClient.send(() => this.connected.resolve(this.#client));
    });
  }

  /** Loses the connection: both ends get an error. */
  lose(): void {
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
      this.#toClient.send(() => this.#client.take(piece), extra);
    }
  }
}

/** A waiting read. */
interface Reading {
  readonly buffer: Uint8Array;
  resolve(length: number | null): void;
  reject(error: Error): void;
}

/** The client's end of a connection, with the methods that lainlet uses. */
class ClientSocket implements ClientConn {
  readonly #came: Uint8Array[] = [];
  #reading?: Reading;
  /** Why no more bytes arrive; null: the regular end. */
  #over?: Error | null;
  #isClosed = false;

  /** @param onWrite called with written bytes @param onClose called when it is closed */
  constructor(
    private readonly onWrite: (bytes: Uint8Array) => void,
    private readonly onClose: () => void,
  ) {}

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#isClosed) return Promise.reject(closed());
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    this.#reading = { buffer, resolve, reject };
    this.#serve();
    return promise;
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#isClosed) return Promise.reject(closed());
    if (this.#over) {
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
    this.#reading?.reject(closed());
    this.onClose();
  }

  setNoDelay(): void {}

  /** To be called with received bytes. */
  take(bytes: Uint8Array): void {
    this.#came.push(bytes);
    this.#serve();
  }

  /** To be called at the end. @param error why; null: the regular end */
  end(error: Error | null): void {
    this.#over ??= error;
    this.#serve();
  }

  #serve(): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    const [first] = this.#came;
    if (first !== undefined) {
      const piece = first.subarray(0, reading.buffer.length);
      reading.buffer.set(piece);
      if (piece.length === first.length) this.#came.shift();
      else this.#came[0] = first.subarray(piece.length);
      reading.resolve(piece.length);
    } else if (this.#over === null) reading.resolve(null);
    else if (this.#over !== undefined) reading.reject(this.#over);
    else return;
    this.#reading = undefined;
  }
}

function closed(): Error {
  return new Deno.errors.BadResource("Bad resource ID");
}
