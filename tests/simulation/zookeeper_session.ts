import { Buffer } from "node:buffer";
import {
  CODE,
  OP,
  Reader,
  Writer,
  XID,
} from "../../lib/store/zookeeper/protocol.ts";
import type { Content, Keyspace, Member } from "./keyspace.ts";
import type { Link } from "./network.ts";
import type { Handler, ServerSocket } from "./sockets.ts";

/** The shortest and the longest time that a session may last without a word, in ms. */
const TIMEOUTS = [4_000, 40_000] as const;
/** A zxid's upper half counts elections. */
const EPOCH = 2 ** 32;

// What only a server says: `KeeperException.Code`, `EventType`, `KeeperState`
// of ZooKeeper's sources.
const SESSION_MOVED = -118;
const CREATED = 1;
const DELETED = 2;
const CHANGED = 3;
const SYNC_CONNECTED = 3;

/** How clients know a revision. */
export function zxidOf(keyspace: Keyspace, revision: number): number {
  const { term, place } = keyspace.termOf(revision);
  return term * EPOCH + place;
}

/** The server of a session. */
export interface Server {
  readonly member: Member;
  /** Whether it leads, or believes so. */
  readonly isLeading: boolean;
  /** Agrees with the others on a session's begin or end: that is a transaction. Absent: sessions are local. */
  readonly agree?: () => void;
  /** To be called when a connection has ended. @param timeout when its session will, too, in ms; undefined: there was none */
  remove(session: Session, timeout: number | undefined): void;
}

/** A session, with its connection. */
export class Session implements Handler {
  #came = Buffer.alloc(0);
  readonly #asked: Reader[] = [];
  #isServing = false;
  #isBegun = false;
  #isOver = false;
  /** Paths, each watched with all beneath it. */
  readonly #watched = new Set<string>();
  /** Whether it tells nothing of what happens. */
  #isSilent = false;
  /** What happened up to this revision was told. */
  #told = 0;
  readonly #leave: () => void;
  #wake?: () => void;
  #timeout = 0;
  #heardAt = performance.now();
  #timer?: ReturnType<typeof setTimeout>;

  constructor(
    private readonly server: Server,
    readonly link: Link,
    private readonly socket: ServerSocket,
  ) {
    this.#leave = server.member.onApply(() => {
      this.#tell();
      this.#wake?.();
    });
  }

  take(bytes: Uint8Array): void {
    this.#heardAt = performance.now();
    this.#came = Buffer.concat([this.#came, bytes]);
    while (this.#came.length >= 4) {
      const end = 4 + this.#came.readInt32BE();
      if (this.#came.length < end) break;
      this.#asked.push(new Reader(this.#came.subarray(4, end)));
      this.#came = this.#came.subarray(end);
    }
    if (!this.#isServing) this.#serve();
  }

  /** Its connection ends. The session does when nobody takes it up again, as lainlet never does. */
  end(): void {
    this.#end(this.#isBegun ? this.#timeout : undefined);
  }

  /** It is over, and with it its connection. */
  expire(): void {
    this.#end(0);
  }

  #end(timeout: number | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leave();
    clearTimeout(this.#timer);
    this.socket.close();
    this.server.remove(this, timeout);
  }

  /** Answers in order: what comes after a `sync` waits for that, too. */
  async #serve(): Promise<void> {
    this.#isServing = true;
    for (let asked; (asked = this.#asked.shift()) !== undefined;) {
      if (this.#isOver) return;
      if (this.#isBegun) await this.#answer(asked);
      else await this.#begin(asked);
    }
    this.#isServing = false;
  }

  async #begin(asked: Reader): Promise<void> {
    asked.skip(4 + 8); // The version of the protocol, and the last zxid seen.
    const [least, most] = TIMEOUTS;
    this.#timeout = Math.min(Math.max(asked.int(), least), most);
    if (this.server.agree !== undefined) {
      this.server.agree();
      await this.#sync(true);
      if (this.#isOver) return;
    }
    this.#isBegun = true;
    this.#told = this.server.member.applied;
    this.#expect(this.#timeout);
    const answer = new Writer().int(0).int(this.#timeout).long(1)
      .bytes(new Uint8Array(16)).boolean(false);
    this.socket.send(answer.frame());
  }

  /** Ends it when nothing has come for a while. */
  #expect(rest: number): void {
    this.#timer = setTimeout(() => {
      const rest = this.#heardAt + this.#timeout - performance.now();
      if (rest > 0) this.#expect(rest);
      else this.expire();
    }, rest);
  }

  async #answer(asked: Reader): Promise<void> {
    const [xid, op] = [asked.int(), asked.int()];
    if (op === OP.ping) return this.#reply(XID.ping);
    if (op === OP.closeSession) {
      this.#reply(xid);
      return this.expire();
    }
    const { callFaults } = this.link;
    const fault = callFaults.shift();
    if (fault === "refused") return this.end();
    if (fault === "lost before") return this.socket.lose();
    if (fault === "moved") {
      this.#reply(xid, SESSION_MOVED);
      return this.end();
    }
    const path = asked.text();
    if (op === OP.sync) await this.#sync();
    if (this.#isOver) return;
    if (fault === "lost after") return this.socket.lose();
    const body = this.#do(op, path);
    const code = body === undefined ? CODE.noNode : 0;
    this.#reply(xid, code, body, fault === "late" ? 2_500 : 0);
    if (fault === "last") this.socket.loseNext();
  }

  /** @returns writes the answer; undefined: there is no such znode */
  #do(op: number, path: string): ((writer: Writer) => void) | undefined {
    switch (op) {
      case OP.sync:
        return (writer) => writer.text(path);
      case OP.addWatch: {
        this.#watched.add(path);
        const { watchFaults } = this.link;
        this.#isSilent = watchFaults[0] === "silent";
        if (this.#isSilent) watchFaults.shift();
        return (writer) => writer.int(0);
      }
    }
    const { keyspace, content } = this.server.member;
    const { keys, directories } = content;
    const entry = keys.get(path) ?? directories.get(path);
    if (entry === undefined && path !== "/") return undefined;
    const { revision = 1, time = 0 } = entry ?? {};
    const data = keys.get(path)?.value ?? new Uint8Array();
    const names = namesIn(content, path);
    const zxid = zxidOf(keyspace, revision);
    return (writer) => {
      if (op === OP.getData) writer.bytes(data);
      if (op === OP.getChildren2) {
        writer.int(names.length);
        for (const name of names) writer.text(name);
      }
      writer.long(zxid).long(zxid).long(time).long(time).int(0).int(0).int(0)
        .long(0).int(data.length).int(names.length).long(zxid);
    };
  }

  /**
   * Waits until the member has applied what its leader knows of. Who believes
   * to lead asks nobody.
   *
   * @param isWrite something is to be agreed on, for which all are needed
   */
  async #sync(isWrite = false): Promise<void> {
    const { member, isLeading } = this.server;
    const needed = member.keyspace.revision;
    const isDone = () =>
      this.#isOver || member.hasQuorum && member.applied >= needed ||
      !member.hasQuorum && isLeading && !isWrite;
    while (!isDone()) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #reply(
    xid: number,
    code = 0,
    body: (writer: Writer) => void = () => {},
    extra = 0,
  ): void {
    const { keyspace, applied } = this.server.member;
    const writer = new Writer().int(xid).long(zxidOf(keyspace, applied))
      .int(code);
    if (code === 0) body(writer);
    this.socket.send(writer.frame(), extra);
  }

  /** Tells what has happened to what is watched. */
  #tell(): void {
    const { applied } = this.server.member;
    if (!this.#isBegun) return;
    while (this.#told < applied) {
      const events = this.#eventsOf(++this.#told)
        .filter(([path]) =>
          this.#watched.values().some((root) =>
            path === root || path.startsWith(`${root}/`)
          )
        );
      for (const [path, type] of events) {
        const { watchFaults } = this.link;
        const isLost = watchFaults[0] === "lost";
        if (isLost) watchFaults.shift();
        if (isLost || this.#isSilent) {
          this.link.lostAt = performance.now();
          continue;
        }
        const event = new Writer().int(XID.event).long(-1).int(0)
          .int(type).int(SYNC_CONNECTED).text(path);
        this.socket.send(event.frame());
      }
    }
  }

  /** What a revision did to znodes. */
  #eventsOf(revision: number): [path: string, type: number][] {
    const { keyspace } = this.server.member;
    const events = keyspace.events(revision);
    if (events.length === 0) return [];
    const [before, after] = [
      keyspace.content(revision - 1),
      keyspace.content(revision),
    ];
    const made = [...after.directories.keys()]
      .filter((path) => !before.directories.has(path))
      .map((path): [string, number] => [path, CREATED]);
    const gone = [...before.directories.keys(), ...before.keys.keys()]
      .filter((path) => !after.directories.has(path) && !after.keys.has(path))
      .map((path): [string, number] => [path, DELETED]);
    const written = events.filter(({ value }) => value !== undefined)
      .map(({ key }): [string, number] => [
        key,
        before.keys.has(key) ? CHANGED : CREATED,
      ]);
    return [...gone, ...made, ...written];
  }
}

function namesIn({ keys, directories }: Content, path: string): string[] {
  const folder = path === "/" ? path : `${path}/`;
  const names = [...directories.keys(), ...keys.keys()]
    .filter((inner) => inner.startsWith(folder))
    .map((inner) => inner.slice(folder.length).split("/")[0] ?? "");
  return [...new Set(names)];
}
