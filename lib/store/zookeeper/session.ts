import {
  CODE,
  complaintOf,
  Frames,
  OP,
  Reader,
  Writer,
  XID,
} from "./protocol.ts";
import { lineOf } from "../connection.ts";

/** Time between two looks whether ZooKeeper answers, in ms. */
const TICK = 500;
/** How many looks in vain are too many. */
const PATIENCE = 6;
/** How many looks a large answer may take, while more of it comes. */
const LONG_PATIENCE = 60;
/** After how long without a word ZooKeeper may forget lainlet, in ms; it may choose less, or more. */
const SESSION_TIMEOUT = 15_000;

/** What was said to a request. */
export interface Reply<T> {
  /** Everything up to this transaction has happened, and was told before. */
  readonly zxid: number;
  /** Why it was not done, see {@linkcode CODE}; 0: it was. */
  readonly code: number;
  /** What was asked for, when it was done. */
  readonly value?: T;
}

interface Request {
  readonly xid: number;
  take(zxid: number, code: number, reader: Reader): void;
  fail(error: unknown): void;
}

/**
 * One connection to one ZooKeeper, which is a session of its own: when it is
 * over, that is not taken up again. Requests are sent as they come, and
 * answered in order; an event comes before all answers that were made after
 * it.
 *
 * @see https://zookeeper.apache.org/doc/r3.8.0/zookeeperProgrammers.html
 */
export class Session {
  readonly #closing = new AbortController();
  /** Aborts when it is over; the reason is an `Error`, or null after {@linkcode close}. */
  readonly signal = this.#closing.signal;
  readonly #frames = new Frames();
  readonly #asked: Request[] = [];
  readonly #greeted = Promise.withResolvers<void>();
  #authenticated?: PromiseWithResolvers<void>;
  #conn?: Deno.TcpConn;
  #out: Uint8Array[] = [];
  #isWriting = false;
  #isGreeted = false;
  #isPinged = false;
  #xid = 0;
  /** Looks, not a clock: a process that stood still has not read what is there. */
  #vain = 0;
  #long = 0;
  #isComing = false;
  /** Looks since something was sent, and after how many of them it is time for a ping. */
  #idle = 0;
  #pause = Infinity;
  readonly #timer = setInterval(() => this.#look(), TICK);

  /**
   * @param endpoint `127.0.0.1:2181`
   * @param onEvent called with the path of a znode to which something happened
   */
  constructor(
    readonly endpoint: string,
    private readonly onEvent: (path: string) => void,
  ) {
    // Not everything is waited for when it fails.
    this.#greeted.promise.catch(() => {});
  }

  /** Connects, and begins the session. @throws {Error} when that fails */
  async open(): Promise<void> {
    this.#run().then(
      () => this.fail(new Error("ZooKeeper closed the connection")),
      (error) => this.fail(error),
    );
    await this.#greeted.promise;
  }

  /**
   * Says who lainlet is. ZooKeeper believes any name and password, and refuses
   * later what they may not read.
   *
   * @throws {Error} when it refuses them at once, or the session ends before
   */
  authenticate(login: string): Promise<void> {
    if (this.signal.aborted) return Promise.reject(this.#over);
    const message = new Writer().int(XID.auth).int(OP.auth)
      .int(0).text("digest").text(login);
    this.#authenticated = Promise.withResolvers();
    this.#send(message);
    return this.#authenticated.promise;
  }

  /**
   * Asks for something.
   *
   * @param op see {@linkcode OP}
   * @param write what follows the header
   * @param read takes the answer
   * @throws {Error} when the session ends before there is an answer
   */
  request<T>(
    op: number,
    write: (writer: Writer) => void,
    read: (reader: Reader) => T,
  ): Promise<Reply<T>> {
    if (this.signal.aborted) return Promise.reject(this.#over);
    const { promise, resolve, reject } = Promise.withResolvers<Reply<T>>();
    const xid = this.#xid = this.#xid % 0x7fff_ffff + 1;
    const message = new Writer().int(xid).int(op);
    write(message);
    this.#asked.push({
      xid,
      take: (zxid, code, reader) =>
        resolve(
          code === 0 ? { zxid, code, value: read(reader) } : { zxid, code },
        ),
      fail: reject,
    });
    this.#send(message);
    return promise;
  }

  /** Ends it because of an error. */
  fail(error: unknown): void {
    this.#end(new Error(lineOf(error)));
  }

  /** Ends it, so that ZooKeeper forgets it at once. */
  close(): void {
    if (this.signal.aborted) return;
    const conn = this.#conn;
    const isFree = this.#isGreeted && !this.#isWriting;
    if (conn === undefined || !isFree) return this.#end(null);
    this.#conn = undefined;
    this.#end(null);
    const farewell = new Writer().int(0).int(OP.closeSession).frame();
    conn.write(farewell).catch(() => {}).finally(() => conn.close());
  }

  /** What is said to whoever waits, or asks, when it has ended. */
  get #over(): Error {
    return this.signal.reason ?? new Error("the connection was closed");
  }

  #end(reason: Error | null): void {
    if (this.signal.aborted) return;
    clearInterval(this.#timer);
    this.#conn?.close();
    this.#closing.abort(reason);
    const error = this.#over;
    this.#greeted.reject(error);
    this.#authenticated?.reject(error);
    for (const request of this.#asked.splice(0)) request.fail(error);
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
        this.#take(new Reader(frame));
      }
      this.#isComing = this.#frames.isInside;
    }
  }

  #take(reader: Reader): void {
    if (!this.#isGreeted) return this.#begin(reader);
    const xid = reader.int();
    const zxid = reader.long();
    const code = reader.int();
    if (xid === XID.event) {
      reader.skip(8); // What happened, and the session's state.
      return this.onEvent(reader.text());
    }
    this.#vain = this.#long = 0;
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
          : complaintOf(code),
      );
    } else {
      const request = this.#asked.shift();
      if (request?.xid !== xid) {
        throw new Error("ZooKeeper's answer is to something else");
      }
      request.take(zxid, code, reader);
    }
  }

  #begin(reader: Reader): void {
    reader.skip(4); // The version of the protocol.
    const timeout = reader.int();
    if (timeout <= 0) throw new Error("ZooKeeper refuses a session");
    this.#isGreeted = true;
    this.#vain = 0;
    this.#pause = Math.floor(timeout / 3 / TICK);
    this.#greeted.resolve();
  }

  /** Looks whether what was asked is being answered, and whether it is time for a ping. */
  #look(): void {
    const isComing = this.#isComing;
    this.#isComing = false;
    const isOwed = !this.#isGreeted || this.#isPinged ||
      this.#authenticated !== undefined || this.#asked.length > 0;
    if (!isOwed || isComing && this.#long++ < LONG_PATIENCE) this.#vain = 0;
    else if (++this.#vain >= PATIENCE) {
      const patience = TICK * PATIENCE;
      this.fail(new Error(`ZooKeeper did not answer within ${patience} ms`));
    }
    if (++this.#idle < this.#pause || this.#isPinged) return;
    this.#isPinged = true;
    this.#send(new Writer().int(XID.ping).int(OP.ping));
  }

  #send(message: Writer): void {
    this.#idle = 0;
    this.#out.push(message.frame());
    if (!this.#isWriting) this.#write().catch((error) => this.fail(error));
  }

  /** Writes what is to be sent: what comes together, or meanwhile, at once. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    await undefined;
    while (this.#out.length > 0 && this.#conn !== undefined) {
      const bytes = joined(this.#out);
      this.#out = [];
      for (let done = 0; done < bytes.length;) {
        done += await this.#conn.write(bytes.subarray(done));
      }
    }
    this.#isWriting = false;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
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
