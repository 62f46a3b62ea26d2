import { Connection } from "../connection.ts";
import {
  CODE,
  errorText,
  Frames,
  OP,
  Reader,
  Writer,
  XID,
} from "./protocol.ts";

/** Time between two polls whether ZooKeeper answers, in ms. */
const POLL_INTERVAL = 500;
/** After how many missed polls the session ends. */
const MAX_MISSED_POLLS = 6;
/** How many polls a large response may take while more of it arrives. */
const MAX_LONG_POLLS = 60;
/** Session timeout that ZooKeeper is asked for, in ms. It may choose another one. */
const SESSION_TIMEOUT = 15_000;

/** The reply to a request. */
export interface Reply<T> {
  /** Everything up to this transaction has happened, and its events have come. */
  readonly zxid: number;
  /** Why the request failed, see {@linkcode CODE}; 0: it did not. */
  readonly code: number;
  /** What was read, unless the request failed. */
  readonly value?: T;
}

interface Request {
  readonly xid: number;
  resolve(zxid: number, code: number, reader: Reader): void;
  reject(error: unknown): void;
}

/**
 * One connection to one ZooKeeper, and its session, which no later connection
 * resumes. Requests are pipelined, and answered in order; an event comes before
 * all replies that were made after it.
 *
 * @see https://zookeeper.apache.org/doc/r3.8.0/zookeeperProgrammers.html
 */
export class Session extends Connection {
  readonly #frames = new Frames();
  /** Requests without a reply. */
  readonly #pending: Request[] = [];
  readonly #opened = Promise.withResolvers<void>();
  #authenticated?: PromiseWithResolvers<void>;
  #conn?: Deno.TcpConn;
  /** Messages to be written. */
  #outbox: Uint8Array[] = [];
  #isWriting = false;
  #isOpen = false;
  #isPinged = false;
  #xid = 0;
  /** Counts polls, not time: a process that stood still has not read what is there. */
  #missedPolls = 0;
  #longPolls = 0;
  /** Whether a part of a message has arrived since the last poll. */
  #isArriving = false;
  /** Polls since something was sent, and after how many a ping is due. */
  #idlePolls = 0;
  #pingAfter = Infinity;
  readonly #timer = setInterval(() => this.#poll(), POLL_INTERVAL);

  /**
   * @param endpoint `127.0.0.1:2181`
   * @param onEvent called with the path of a watched znode that changed
   */
  constructor(
    endpoint: string,
    private readonly onEvent: (path: string) => void,
  ) {
    super(endpoint);
    // The session may end before it is awaited.
    this.#opened.promise.catch(() => {});
  }

  /** Connects, and begins the session. @throws {Error} when that fails */
  async connect(): Promise<void> {
    this.#run().then(
      () => this.fail(new Error("ZooKeeper closed the connection")),
      (error) => this.fail(error),
    );
    await this.#opened.promise;
  }

  /**
   * Logs in by the digest scheme. ZooKeeper accepts any name and password, and
   * refuses later what they may not read.
   *
   * @param login `user:password`
   * @throws {Error} when it refuses them at once, or the session ends before
   */
  authenticate(login: string): Promise<void> {
    if (this.signal.aborted) return Promise.reject(this.closedError);
    const message = new Writer().int(XID.auth).int(OP.auth)
      .int(0).text("digest").text(login);
    this.#authenticated = Promise.withResolvers();
    this.#send(message);
    return this.#authenticated.promise;
  }

  /**
   * Sends a request.
   *
   * @param op see {@linkcode OP}
   * @param write writes what follows the header
   * @param read reads the reply
   * @throws {Error} when the session ends before there is a reply
   */
  request<T>(
    op: number,
    write: (writer: Writer) => void,
    read: (reader: Reader) => T,
  ): Promise<Reply<T>> {
    if (this.signal.aborted) return Promise.reject(this.closedError);
    const { promise, resolve, reject } = Promise.withResolvers<Reply<T>>();
    const xid = this.#xid = this.#xid % 0x7fff_ffff + 1;
    const message = new Writer().int(xid).int(op);
    write(message);
    this.#pending.push({
      xid,
      resolve: (zxid, code, reader) =>
        resolve(
          code === 0 ? { zxid, code, value: read(reader) } : { zxid, code },
        ),
      reject,
    });
    this.#send(message);
    return promise;
  }

  /** Ends the session. Tells ZooKeeper, so that it drops the session at once. */
  override close(): void {
    const conn = this.#isOpen && !this.#isWriting ? this.#conn : undefined;
    if (this.signal.aborted || conn === undefined) return super.close();
    // Closed below, when this is written.
    this.#conn = undefined;
    super.close();
    const closeSession = new Writer().int(0).int(OP.closeSession).frame();
    conn.write(closeSession).catch(() => {}).finally(() => conn.close());
  }

  protected override release(): void {
    clearInterval(this.#timer);
    this.#conn?.close();
    const error = this.closedError;
    this.#opened.reject(error);
    this.#authenticated?.reject(error);
    for (const request of this.#pending.splice(0)) request.reject(error);
  }

  async #run(): Promise<void> {
    const { hostname, port } = new URL(`tcp://${this.endpoint}`);
    const conn = await Deno.connect({
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port),
    });
    if (this.signal.aborted) return conn.close();
    this.#conn = conn;
    conn.setNoDelay();
    // Version, last zxid seen, timeout, session's id and password, read-only.
    this.#send(
      new Writer().int(0).long(0).int(SESSION_TIMEOUT).long(0)
        .bytes(new Uint8Array(16)).boolean(false),
    );
    const buffer = new Uint8Array(64 * 1024);
    for (let n; (n = await conn.read(buffer)) !== null;) {
      for (const frame of this.#frames.push(buffer.subarray(0, n))) {
        if (this.signal.aborted) return;
        this.#receive(new Reader(frame));
      }
      this.#isArriving = this.#frames.isInside;
    }
  }

  #receive(reader: Reader): void {
    if (!this.#isOpen) return this.#begin(reader);
    const xid = reader.int();
    const zxid = reader.long();
    const code = reader.int();
    if (xid === XID.event) {
      reader.skip(8); // The event's type, and the session's state.
      return this.onEvent(reader.text());
    }
    this.#missedPolls = this.#longPolls = 0;
    if (xid === XID.ping) {
      this.#isPinged = false;
    } else if (xid === XID.auth) {
      if (code === 0) {
        this.#authenticated?.resolve();
        this.#authenticated = undefined;
        return;
      }
      throw new Error(
        code === CODE.authFailed
          ? "ZooKeeper refuses the login in --zookeeper.user"
          : errorText(code),
      );
    } else {
      const [request] = this.#pending;
      if (request?.xid !== xid) {
        throw new Error("ZooKeeper's response is to something else");
      }
      request.resolve(zxid, code, reader);
      // Not before: a reply that cannot be read ends the session, which rejects it.
      this.#pending.shift();
    }
  }

  #begin(reader: Reader): void {
    reader.skip(4); // The version of the protocol.
    const timeout = reader.int();
    if (timeout <= 0) throw new Error("ZooKeeper refuses a session");
    this.#isOpen = true;
    this.#missedPolls = 0;
    this.#pingAfter = Math.floor(timeout / 3 / POLL_INTERVAL);
    this.#opened.resolve();
  }

  /** Ends the session when ZooKeeper does not respond. Sends a ping when one is due. */
  #poll(): void {
    const isArriving = this.#isArriving;
    this.#isArriving = false;
    const isAnswerDue = !this.#isOpen || this.#isPinged ||
      this.#authenticated !== undefined || this.#pending.length > 0;
    if (!isAnswerDue || isArriving && this.#longPolls++ < MAX_LONG_POLLS) {
      this.#missedPolls = 0;
    } else if (++this.#missedPolls >= MAX_MISSED_POLLS) {
      const timeout = POLL_INTERVAL * MAX_MISSED_POLLS;
      this.fail(new Error(`ZooKeeper did not respond within ${timeout} ms`));
    }
    if (++this.#idlePolls < this.#pingAfter || this.#isPinged) return;
    this.#isPinged = true;
    this.#send(new Writer().int(XID.ping).int(OP.ping));
  }

  #send(message: Writer): void {
    this.#idlePolls = 0;
    this.#outbox.push(message.frame());
    if (!this.#isWriting) this.#write().catch((error) => this.fail(error));
  }

  /** Writes the outbox: messages that are sent together, or while it writes, by one call. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    await undefined;
    while (this.#outbox.length > 0 && this.#conn !== undefined) {
      const bytes = concatenate(this.#outbox);
      this.#outbox = [];
      for (let written = 0; written < bytes.length;) {
        written += await this.#conn.write(bytes.subarray(written));
      }
    }
    this.#isWriting = false;
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...more] = parts;
  if (first !== undefined && more.length === 0) return first;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
