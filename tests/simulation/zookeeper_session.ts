import { Buffer } from "node:buffer";
import {
  CODE,
  OP,
  Reader,
  Writer,
  XID,
} from "../../lib/store/zookeeper/protocol.ts";
import type { Content, Keyspace } from "./keyspace.ts";
import type { Member } from "./member.ts";
import type { Handler, ServerSocket } from "./member_sockets.ts";
import { type Link, responseDelay } from "./network.ts";

/** The limits of a session's timeout, in ms: `minSessionTimeout` and `maxSessionTimeout`. */
const TIMEOUTS = [4_000, 40_000] as const;

/** The upper half of a zxid counts elections. */
const EPOCH = 2 ** 32;

// Values that only servers send: `KeeperException.Code`, `EventType` and
// `KeeperState` in ZooKeeper's sources.
const SESSION_MOVED = -118;
const CREATED = 1;
const DELETED = 2;
const CHANGED = 3;
const SYNC_CONNECTED = 3;

/** The zxid of a revision. */
export function zxidOf(keyspace: Keyspace, revision: number): number {
  const { term, index } = keyspace.termOf(revision);
  return term * EPOCH + index;
}

/** The server of a session. */
export interface Server {
  readonly member: Member;
  /** Whether it is the leader, or was deposed and has not noticed yet. */
  readonly isLeading: boolean;
  /** Commits the transaction that begins or ends a session; absent: sessions are local. */
  readonly commitSession?: () => void;
  /**
   * To be called when a session's connection has ended.
   *
   * @param timeout after this time the session ends, in ms; undefined: it was
   * not established
   */
  remove(session: Session, timeout: number | undefined): void;
}

/** A session, and its only connection: lainlet never resumes a session. */
export class Session implements Handler {
  #received = Buffer.alloc(0);
  readonly #requests: Reader[] = [];
  #isServing = false;
  #isEstablished = false;
  #isOver = false;
  /** Watched paths, each with everything below it. */
  readonly #watches = new Set<string>();
  /** Whether it sends no events. */
  #isSilent = false;
  /** The events up to this revision were sent. */
  #reported = 0;
  readonly #unsubscribe: () => void;
  #wake?: () => void;
  #timeout = 0;
  #receivedAt = performance.now();
  #timer?: ReturnType<typeof setTimeout>;

  constructor(
    private readonly server: Server,
    readonly link: Link,
    private readonly socket: ServerSocket,
  ) {
    this.#unsubscribe = server.member.onApply(() => {
      this.#sendEvents();
      this.#wake?.();
    });
  }

  receive(bytes: Uint8Array): void {
    this.#receivedAt = performance.now();
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE();
      if (this.#received.length < end) break;
      this.#requests.push(new Reader(this.#received.subarray(4, end)));
      this.#received = this.#received.subarray(end);
    }
    if (!this.#isServing) this.#serve();
  }

  /** Ends the connection; the session expires later. */
  end(): void {
    this.#end(this.#isEstablished ? this.#timeout : undefined);
  }

  /** Ends the session, and its connection. */
  expire(): void {
    this.#end(0);
  }

  #end(timeout: number | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
    this.socket.close();
    this.server.remove(this, timeout);
  }

  /** Responds in order: requests after a `sync` wait for it, too. */
  async #serve(): Promise<void> {
    this.#isServing = true;
    for (let request; (request = this.#requests.shift()) !== undefined;) {
      if (this.#isOver) return;
      if (this.#isEstablished) await this.#respond(request);
      else await this.#begin(request);
    }
    this.#isServing = false;
  }

  async #begin(request: Reader): Promise<void> {
    request.skip(4 + 8); // The protocol's version, and the last zxid that the client knows.
    const [min, max] = TIMEOUTS;
    this.#timeout = Math.min(Math.max(request.int(), min), max);
    if (this.server.commitSession !== undefined) {
      this.server.commitSession();
      await this.#sync(true);
      if (this.#isOver) return;
    }
    this.#isEstablished = true;
    this.#reported = this.server.member.applied;
    this.#expireAfter(this.#timeout);
    const response = new Writer().int(0).int(this.#timeout).long(1)
      .bytes(new Uint8Array(16)).boolean(false);
    this.socket.send(response.frame());
  }

  /** Expires the session when nothing was received for its timeout. */
  #expireAfter(rest: number): void {
    this.#timer = setTimeout(() => {
      const rest = this.#receivedAt + this.#timeout - performance.now();
      if (rest > 0) this.#expireAfter(rest);
      else this.expire();
    }, rest);
  }

  async #respond(request: Reader): Promise<void> {
    const [xid, op] = [request.int(), request.int()];
    if (op === OP.ping) return this.#reply(XID.ping);
    if (op === OP.closeSession) {
      this.#reply(xid);
      return this.expire();
    }
    const { callFaults } = this.link;
    const fault = callFaults.shift();
    if (fault === "refused") return this.end();
    if (fault === "request lost") return this.socket.drop();
    if (fault === "session moved") {
      this.#reply(xid, SESSION_MOVED);
      return this.end();
    }
    const path = request.text();
    if (op === OP.sync) await this.#sync();
    if (this.#isOver) return;
    if (fault === "response lost") return this.socket.drop();
    const body = this.#perform(op, path);
    const code = body === undefined ? CODE.noNode : 0;
    this.#reply(xid, code, body, responseDelay(fault));
    if (fault === "cut after response") this.socket.dropAfterSent();
  }

  /** Performs an operation. @returns writes the response; undefined: there is no such znode */
  #perform(op: number, path: string): ((writer: Writer) => void) | undefined {
    switch (op) {
      case OP.sync:
        return (writer) => writer.text(path);
      case OP.addWatch: {
        this.#watches.add(path);
        this.#isSilent = this.link.takeWatchFault("silent");
        return (writer) => writer.int(0);
      }
    }
    const { keyspace, content } = this.server.member;
    const { keys, directories } = content;
    const entry = keys.get(path) ?? directories.get(path);
    if (entry === undefined && path !== "/") return undefined;
    const { revision = 1, time = 0 } = entry ?? {};
    const data = keys.get(path)?.value ?? new Uint8Array();
    const names = childrenOf(content, path);
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
   * Waits until the member has applied everything that is committed. A deposed
   * leader that has not noticed does not wait, except for writes: these need a
   * quorum.
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

  /** Sends the events of watched paths in the revisions that were applied since the last call. */
  #sendEvents(): void {
    const { applied } = this.server.member;
    if (!this.#isEstablished) return;
    while (this.#reported < applied) {
      const events = this.#eventsOf(++this.#reported)
        .filter(([path]) =>
          this.#watches.values().some((root) =>
            path === root || path.startsWith(`${root}/`)
          )
        );
      for (const [path, type] of events) {
        const isLost = this.link.takeWatchFault("change lost");
        if (isLost || this.#isSilent) {
          this.link.recordLoss();
          continue;
        }
        const event = new Writer().int(XID.event).long(-1).int(0)
          .int(type).int(SYNC_CONNECTED).text(path);
        this.socket.send(event.frame());
      }
    }
  }

  /** The events of a revision: removed, created and changed znodes. */
  #eventsOf(revision: number): [path: string, type: number][] {
    const { keyspace } = this.server.member;
    const events = keyspace.events(revision);
    if (events.length === 0) return [];
    const [before, after] = [
      keyspace.content(revision - 1),
      keyspace.content(revision),
    ];
    const created = [...after.directories.keys()]
      .filter((path) => !before.directories.has(path))
      .map((path): [string, number] => [path, CREATED]);
    const removed = [...before.directories.keys(), ...before.keys.keys()]
      .filter((path) => !after.directories.has(path) && !after.keys.has(path))
      .map((path): [string, number] => [path, DELETED]);
    const written = events.filter(({ value }) => value !== undefined)
      .map(({ key }): [string, number] => [
        key,
        before.keys.has(key) ? CHANGED : CREATED,
      ]);
    return [...removed, ...created, ...written];
  }
}

/** The names of a znode's children. */
function childrenOf({ keys, directories }: Content, path: string): string[] {
  const folder = path === "/" ? path : `${path}/`;
  const names = [...directories.keys(), ...keys.keys()]
    .filter((inner) => inner.startsWith(folder))
    .map((inner) => inner.slice(folder.length).split("/")[0] ?? "");
  return [...new Set(names)];
}
