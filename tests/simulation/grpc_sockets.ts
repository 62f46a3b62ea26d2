const REAL = { listen: Deno.listen };

/** A writer waits while this many bytes are in transit or unread. */
const ROOM = 1_024;

/** The maximal delay of a message, in ms; most are shorter. */
const LONGEST = 20;

interface Waiting<T> {
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
  #lost?: Error;
  #reader?: Waiting<number | null>;
  #writer?: Waiting<number>;

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#writer = { bytes, resolve, reject };
      this.#move();
    });
  }

  read(bytes: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#reader = { bytes, resolve, reject };
      this.#move();
    });
  }

  /** Ends after the sent data. */
  end(): void {
    this.#send(null);
  }

  /** Fails all later reads and writes. */
  lose(error: Error): void {
    this.#lost ??= error;
    this.#move();
  }

  #send(part: Uint8Array | null): void {
    this.#sent.push(part);
    setTimeout(() => {
      const next = this.#sent.shift();
      if (next === null) this.#isOver = true;
      else if (next !== undefined) this.#arrived.push(next);
      this.#move();
    }, 1 + Math.floor(Math.random() ** 4 * LONGEST));
  }

  /** Completes a waiting read and a waiting write, if possible. */
  #move(): void {
    const [reader, writer] = [this.#reader, this.#writer];
    if (this.#lost !== undefined) {
      this.#reader = this.#writer = undefined;
      reader?.reject(this.#lost);
      writer?.reject(this.#lost);
      return;
    }
    if (writer !== undefined && this.#size < ROOM) {
      const part = writer.bytes.slice(0, ROOM - this.#size);
      this.#writer = undefined;
      this.#size += part.length;
      this.#send(part);
      writer.resolve(part.length);
    }
    if (reader === undefined) return;
    const [first, ...others] = this.#arrived;
    if (first === undefined) {
      if (!this.#isOver) return;
      this.#reader = undefined;
      return reader.resolve(null);
    }
    const part = first.subarray(0, reader.bytes.length);
    reader.bytes.set(part);
    const rest = first.subarray(part.length);
    this.#arrived = rest.length > 0 ? [rest, ...others] : others;
    this.#size -= part.length;
    this.#reader = undefined;
    reader.resolve(part.length);
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
    this.incoming.lose(new Deno.errors.BadResource("the connection is closed"));
  }

  /** Resets the connection at both ends. */
  lose(): void {
    const error = new Deno.errors.ConnectionReset("connection reset by peer");
    this.incoming.lose(error);
    this.outgoing.lose(error);
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
    for (const one of this.#waiting) one.lose();
  }

  /** The process ends. */
  lose(): void {
    for (const one of this.#connections) one.lose();
  }
}

/** Connects simulated processes, by host: each listens on one port. */
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

  /** The process of a host ends, with all its connections. */
  end(host: string): void {
    this.#listeners.get(host)?.lose();
    this.#listeners.delete(host);
  }

  [Symbol.dispose](): void {
    Object.assign(Deno, REAL);
  }
}
