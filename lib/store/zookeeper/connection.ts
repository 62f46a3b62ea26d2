import {
  CODE,
  complaintOf,
  OP,
  type Reader,
  readStat,
  type Stat,
  type Writer,
} from "./protocol.ts";
import { type Reply, Session } from "./session.ts";
import type { Connection } from "../connection.ts";
import type { Login } from "../kind.ts";

/** `addWatch` has a mode; this one is told of a znode and of all beneath it, again and again. */
const PERSISTENT_RECURSIVE = 1;

/** Where ZooKeeper is, and who lainlet is to it. */
export interface Access {
  /** What comes before each key, `/lain-1`; "": nothing. */
  readonly chroot?: string;
  /** For the digest scheme. */
  readonly auth?: Login["auth"];
}

/** A znode, as it was when an answer was made. */
export interface Found {
  /** Everything up to this transaction had happened. */
  readonly zxid: number;
  /** Whether this login may not read it. */
  readonly isRefused: boolean;
  /** Absent when there is no such znode, or when it is refused. */
  readonly stat?: Stat;
  /** What it holds, when that was asked for. */
  readonly data?: Uint8Array;
  /** Its children, when they were asked for. */
  readonly names?: readonly string[];
}

/** What lainlet asks of one ZooKeeper. */
export class ZooKeeperConnection implements Connection {
  readonly #session: Session;
  readonly #root: string;
  readonly #auth: Login["auth"];

  readonly signal: AbortSignal;

  /**
   * @param endpoint `127.0.0.1:2181`
   * @param onEvent called with the path of a watched znode to which something happened
   */
  constructor(
    readonly endpoint: string,
    { chroot, auth }: Access,
    onEvent: (path: string) => void,
  ) {
    this.#session = new Session(endpoint, onEvent);
    this.signal = this.#session.signal;
    this.#root = chroot || "/";
    this.#auth = auth;
  }

  /**
   * Connects.
   *
   * @returns where history stands
   * @throws {Error} when ZooKeeper does not answer, or does not know its leader
   */
  async open(): Promise<number> {
    await this.#session.open();
    if (this.#auth !== undefined) {
      const { username, password } = this.#auth;
      await this.#session.authenticate(`${username}:${password}`);
    }
    return await this.head();
  }

  /** Where history stands, as its leader knows it. */
  async head(): Promise<number> {
    const [, { zxid }] = await Promise.all([
      this.#sync(this.#root),
      this.stat(this.#root),
    ]);
    return zxid;
  }

  /**
   * Has all events of a path and of what is beneath it told from now on; what
   * is read after that is what the leader knew by then, or newer. The path
   * need not be there.
   *
   * @returns where history stood then
   */
  async watch(path: string): Promise<number> {
    const [added, synced] = await Promise.all([
      this.#session.request(
        OP.addWatch,
        (writer) => writer.text(path).int(PERSISTENT_RECURSIVE),
        () => {},
      ),
      this.#sync(path),
    ]);
    if (added.code === CODE.unimplemented) {
      throw new Error("ZooKeeper is too old: lainlet needs 3.6 or newer");
    }
    expect(added);
    return synced.zxid;
  }

  /** A znode with its data. */
  get(path: string): Promise<Found> {
    return this.#read(OP.getData, path, (reader) => {
      const data = reader.copy();
      return { data, stat: readStat(reader) };
    });
  }

  /** A znode without its data; whoever lainlet is, it may ask for that. */
  stat(path: string): Promise<Found> {
    return this.#read(OP.exists, path, (reader) => ({
      stat: readStat(reader),
    }));
  }

  /** The names of a znode's children. */
  children(path: string): Promise<Found> {
    return this.#read(OP.getChildren2, path, (reader) => {
      const names = reader.texts();
      return { names, stat: readStat(reader) };
    });
  }

  /** Ends the connection because of an error. */
  fail(error: unknown): void {
    this.#session.fail(error);
  }

  /** Ends the connection. */
  close(): void {
    this.#session.close();
  }

  async #sync(path: string): Promise<Reply<string>> {
    return expect(
      await this.#session.request(
        OP.sync,
        (writer) => writer.text(path),
        (reader) => reader.text(),
      ),
    );
  }

  async #read(
    op: number,
    path: string,
    read: (reader: Reader) => Partial<Found>,
  ): Promise<Found> {
    const ask = (writer: Writer) => void writer.text(path).boolean(false);
    const reply = await this.#session.request(op, ask, read);
    const isRefused = reply.code === CODE.noAuth;
    if (!isRefused && reply.code !== CODE.noNode) expect(reply);
    return { zxid: reply.zxid, isRefused, ...reply.value };
  }
}

/** @throws {Error} when it was not done */
function expect<T>(reply: Reply<T>): Reply<T> {
  if (reply.code !== 0) throw new Error(complaintOf(reply.code));
  return reply;
}
