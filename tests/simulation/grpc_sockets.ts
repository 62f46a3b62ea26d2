const REAL = { listen: Deno.listen };

/** A write waits while this many bytes are in transit or unread. */
const WINDOW = 1_024;

/** The maximal delay of a message, in ms; most are shorter. */
const MAX_DELAY = 20;

/** A pending read or write. */
interface Pending<T> {
  readonly bytes: Uint8Array;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** One direction of a connection: bytes arrive in order, each part after a delay. */
class Pipe {
  readonly #sent: (Uint8Array | null)[] = [];
  #arrived: Uint8Array[] = [];
  /** The size of unread data, in bytes. */
  #size = 0;
  #isOver = false;
  #error?: Error;
  #pendingRead?: Pending<number | null>;
  #pendingWrite?: Pending<number>;

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#pendingWrite = { bytes, resolve, reject };
      this.#move();
    });
  }

  read(bytes: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#pendingRead = { bytes, resolve, reject };
      this.#move();
    });
  }

  /** Closes the pipe after the sent data. */
  end(): void {
    this.#send(null);
  }

  /** Fails all later reads and writes. */
  drop(error: Error): void {
    this.#error ??= error;
    this.#move();
  }

  #send(part: Uint8Array | null): void {
    this.#sent.push(part);
    setTimeout(() => {
      const next = this.#sent.shift();
      if (next === null) this.#isOver = true;
      else if (next !== undefined) this.#arrived.push(next);
      this.#move();
    }, 1 + Math.floor(Math.random() ** 4 * MAX_DELAY));
  }

  /** Completes a pending read and a pending write, if possible. */
  #move(): void {
    const [read, write] = [this.#pendingRead, this.#pendingWrite];
    if (this.#error !== undefined) {
      this.#pendingRead = this.#pendingWrite = undefined;
      read?.reject(this.#error);
      write?.reject(this.#error);
      return;
    }
    if (write !== undefined && this.#size < WINDOW) {
      const part = write.bytes.slice(0, WINDOW - this.#size);
      this.#pendingWrite = undefined;
      this.#size += part.length;
      this.#send(part);
      write.resolve(part.length);
    }
    if (read === undefined) return;
    const [first, ...others] = this.#arrived;
    if (first === undefined) {
      if (!this.#isOver) return;
      this.#pendingRead = undefined;
      return read.resolve(null);
    }
    const part = first.subarray(0, read.bytes.length);
    read.bytes.set(part);
    const rest = first.subarray(part.length);
    this.#arrived = rest.length > 0 ? [rest, ...others] : others;
    this.#size -= part.length;
    this.#pendingRead = undefined;
    read.resolve(part.length);
    this.#move();
  }
}

/** One end of a connection, with the methods that lainlet uses. */
export class Connection {
  readonly remoteAddr: Deno.NetAddr;

  constructor(
    private readonly incoming: Pipe,
    private readonly outgoing: Pipe,
    hostname: string,
  ) {
    this.remoteAddr = { transport: "tcp", hostname, port: 1 };
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.incoming.read(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.outgoing.write(bytes);
  }

  setNoDelay(): void {}

  close(): void {
    this.outgoing.end();
    this.incoming.drop(new Deno.errors.BadResource("the connection is closed"));
  }

  /** Resets the connection at both ends. */
  drop(): void {
    const error = new Deno.errors.ConnectionReset("connection reset by peer");
    this.incoming.drop(error);
    this.outgoing.drop(error);
  }
}

/** The listening socket of a process. */
class Listener {
  readonly #connections: Connection[] = [];
  readonly #waiting: Connection[] = [];
  #accepting?: PromiseWithResolvers<Connection>;
  isClosed = false;

  constructor(readonly addr: Deno.NetAddr) {}

  accept(): Promise<Connection> {
    const next = this.#waiting.shift();
    if (next !== undefined) return Promise.resolve(next);
    this.#accepting = Promise.withResolvers();
    return this.#accepting.promise;
  }

  connect(peer: string): Connection {
    const [up, down] = [new Pipe(), new Pipe()];
    const own = new Connection(up, down, peer);
    this.#connections.push(own);
    const accepting = this.#accepting;
    this.#accepting = undefined;
    if (accepting === undefined) this.#waiting.push(own);
    else accepting.resolve(own);
    return new Connection(down, up, this.addr.hostname);
  }

  close(): void {
    this.isClosed = true;
    const error = new Deno.errors.BadResource("the listener is closed");
    this.#accepting?.reject(error);
    for (const one of this.#waiting) one.drop();
  }

  /** Resets all connections, as when the process ends. */
  drop(): void {
    for (const one of this.#connections) one.drop();
  }
}

/** Connects gRPC clients to lainlets, by host: each lainlet listens on one port. */
export class Sockets implements Disposable {
  readonly #listeners = new Map<string, Listener>();

  constructor() {
    Object.assign(Deno, {
      listen: ({ hostname = "", port = 0 }: Deno.TcpListenOptions) => {
        const listener = new Listener({ transport: "tcp", hostname, port });
        this.#listeners.set(hostname, listener);
        return listener;
      },
    });
  }

  /**
   * Connects.
   *
   * @param peer the client's address
   * @throws {Error} when no process listens at the host
   */
  connect(host: string, peer: string): Connection {
    const listener = this.#listeners.get(host);
    if (listener === undefined || listener.isClosed) {
      throw new Deno.errors.ConnectionRefused("connection refused");
    }
    return listener.connect(peer);
  }

  /** Resets all connections of a host, as when its process ends. */
  end(host: string): void {
    this.#listeners.get(host)?.drop();
    this.#listeners.delete(host);
  }

  [Symbol.dispose](): void {
    Object.assign(Deno, REAL);
  }
}
