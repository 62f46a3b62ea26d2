import type { ResponseHeader } from "../connection.ts";
import type { Login } from "../kind.ts";
import {
  CODE,
  errorText,
  OP,
  type Reader,
  readStat,
  type Stat,
  type Writer,
} from "./protocol.ts";
import { type Reply, Session } from "./session.ts";

/** Mode of `addWatch`: events of a znode and of all its descendants, until the session ends. */
const PERSISTENT_RECURSIVE = 1;

/** Where the keys are, and a login. */
export interface Access {
  /** Path that the keys are under, `/lain-1`; "": none. */
  readonly chroot?: string;
  /** For the digest scheme. */
  readonly auth?: Login["auth"];
}

/** What a request read of a znode. */
export interface ReadResult {
  /** Everything up to this transaction had happened. */
  readonly zxid: number;
  /** Whether this login may not read the znode. */
  readonly isRefused: boolean;
  /** Absent when there is no such znode, or it is refused. */
  readonly stat?: Stat;
  /** Its data, when that was requested. */
  readonly data?: Uint8Array;
  /** Names of its children, when those were requested. */
  readonly names?: readonly string[];
}

/** One connection to one ZooKeeper: the requests that lainlet makes. */
export class ZooKeeperConnection extends Session {
  readonly #root: string;
  readonly #auth: Login["auth"];

  /**
   * @param endpoint `127.0.0.1:2181`
   * @param onEvent called with the path of a watched znode that changed
   */
  constructor(
    endpoint: string,
    { chroot, auth }: Access,
    onEvent: (path: string) => void,
  ) {
    super(endpoint, onEvent);
    this.#root = chroot || "/";
    this.#auth = auth;
  }

  /**
   * Connects and logs in.
   *
   * @throws {Error} when ZooKeeper does not respond, or does not know its leader
   */
  async open(): Promise<ResponseHeader> {
    await this.connect();
    if (this.#auth !== undefined) {
      const { username, password } = this.#auth;
      await this.authenticate(`${username}:${password}`);
    }
    return { revision: await this.currentZxid() };
  }

  /** Returns the current zxid, as the leader knows it. */
  async currentZxid(): Promise<number> {
    const [, { zxid }] = await Promise.all([
      this.#sync(this.#root),
      this.stat(this.#root),
    ]);
    return zxid;
  }

  /**
   * Watches a path, which need not exist, and all beneath it. What is read
   * after this call is as new as what the leader knew then, or newer.
   *
   * @returns the zxid when the watch began
   */
  async watch(path: string): Promise<number> {
    const [added, synced] = await Promise.all([
      this.request(
        OP.addWatch,
        (writer) => writer.text(path).int(PERSISTENT_RECURSIVE),
        () => {},
      ),
      this.#sync(path),
    ]);
    if (added.code === CODE.unimplemented) {
      throw new Error("ZooKeeper is too old: lainlet needs 3.6 or newer");
    }
    expectOk(added);
    return synced.zxid;
  }

  /** Reads a znode with its data. */
  get(path: string): Promise<ReadResult> {
    return this.#read(OP.getData, path, (reader) => {
      const data = reader.copy();
      return { data, stat: readStat(reader) };
    });
  }

  /** Reads a znode without its data. Before 3.8.4 every login may do that. */
  stat(path: string): Promise<ReadResult> {
    return this.#read(OP.exists, path, (reader) => ({
      stat: readStat(reader),
    }));
  }

  /** Reads the names of a znode's children. */
  children(path: string): Promise<ReadResult> {
    return this.#read(OP.getChildren2, path, (reader) => {
      const names = reader.texts();
      return { names, stat: readStat(reader) };
    });
  }

  async #sync(path: string): Promise<Reply<string>> {
    return expectOk(
      await this.request(
        OP.sync,
        (writer) => writer.text(path),
        (reader) => reader.text(),
      ),
    );
  }

  async #read(
    op: number,
    path: string,
    read: (reader: Reader) => Partial<ReadResult>,
  ): Promise<ReadResult> {
    const write = (writer: Writer) => void writer.text(path).boolean(false);
    const reply = await this.request(op, write, read);
    const isRefused = reply.code === CODE.noAuth;
    if (!isRefused && reply.code !== CODE.noNode) expectOk(reply);
    return { zxid: reply.zxid, isRefused, ...reply.value };
  }
}

/** @throws {Error} when the request failed */
function expectOk<T>(reply: Reply<T>): Reply<T> {
  if (reply.code !== 0) throw new Error(errorText(reply.code));
  return reply;
}
