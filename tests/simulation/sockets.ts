import { Channel, type Link, soon } from "./network.ts";

/** What a server does with a connection. */
export interface Handler {
  /** Something has come. */
  take(bytes: Uint8Array): void;
  /** The client has closed the connection, or it was lost. */
  end(): void;
}

/** The client's end of a connection. */
export type ClientConn = Pick<
  Deno.TcpConn,
  "read" | "write" | "close" | "setNoDelay"
>;

/** The server's end of a connection. */
export interface ServerSocket {
  /** @param extra delays this and what is sent after it, in ms */
  send(bytes: Uint8Array, extra?: number): void;
  /** The client finds the end after what was sent. */
  close(): void;
  /** Loses the connection, with what is under way. */
  lose(): void;
  /** Loses the connection as soon as what was sent has come. */
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

  /** The connection is lost: both ends are told. */
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
    // TCP keeps the order, and not how it was cut.
    const cut = Math.floor(Math.random() * 4 * bytes.length);
    for (const piece of [bytes.slice(0, cut), bytes.slice(cut)]) {
      if (piece.length === 0) continue;
      this.#toClient.send(() => this.#client.take(piece), extra);
    }
  }
}

/** A read that waits. */
interface Reading {
  readonly buffer: Uint8Array;
  resolve(length: number | null): void;
  reject(error: Error): void;
}

/** The client's end of a connection: of `Deno.TcpConn`, what lainlet uses. */
class ClientSocket implements ClientConn {
  readonly #came: Uint8Array[] = [];
  #reading?: Reading;
  /** Why nothing more comes; null: that is the end. */
  #over?: Error | null;
  #isClosed = false;

  /** @param onWrite called with what is written @param onClose called when it is closed */
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

  /** Something has come. */
  take(bytes: Uint8Array): void {
    this.#came.push(bytes);
    this.#serve();
  }

  /** Nothing more comes. @param error why; null: that is the end */
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
