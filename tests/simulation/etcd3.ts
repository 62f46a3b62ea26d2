/**
 * Replaces `npm:etcd3`, with the methods that lainlet uses: calls go to
 * simulated members over simulated links, and fail as the real ones do.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { Auth, type CallOptions, tokenOf } from "./auth.ts";
import { isIn, type KeyEvent, type KeyRange, type Member } from "./keyspace.ts";
import {
  type CallFault,
  type Link,
  type Place,
  placeOf,
  Unreachable,
} from "./network.ts";

/** The authentication of the cluster. */
let auth = new Auth(false);

/** Replaces the authentication of the cluster. */
export function setAuth(present: Auth): void {
  auth = present;
}

/** How long a member tries to serve a linearizable read, in ms. */
const READ_TIMEOUT = 7_000;

/** How many events a member replays to a watch at a time. */
const REPLAYED = 1_000;

interface Header {
  readonly cluster_id: string;
  readonly revision: string;
  readonly raft_term: string;
}

interface RangeRequest {
  readonly key: Buffer;
  readonly range_end?: Buffer;
  readonly revision?: string | number;
  readonly limit?: number;
  readonly keys_only?: boolean;
  readonly count_only?: boolean;
}

interface Options {
  readonly hosts: string;
  readonly defaultCallOptions?: (
    context: { isStream: boolean },
  ) => { deadline?: number };
}

/** A client of one member. */
export class Etcd3 {
  readonly #place: Place;
  readonly #options: Options;
  /** Callbacks that fail pending calls and streams. */
  readonly #pending = new Set<(error: Error) => void>();
  #leave?: () => void;
  #isClosed = false;

  constructor(options: Options) {
    this.#place = placeOf(options.hosts);
    this.#options = options;
  }

  readonly auth = {
    authenticate: (login: { name: string; password: string }) =>
      this.#call(() => Promise.resolve({ token: auth.authenticate(login) })),
  };

  readonly kv = {
    range: (request: RangeRequest, options?: CallOptions) =>
      this.#call((member) => {
        auth.check(tokenOf(options), rangeOf(request));
        return readRange(member, request);
      }),
  };

  readonly watchClient = {
    watch: (options?: CallOptions) =>
      this.#call((member) =>
        Promise.resolve(
          new WatchStream(this.#place.link, member, tokenOf(options)),
        )
      ).then((stream) => {
        const end = (error: Error) => stream.lose(error);
        this.#pending.add(end);
        return stream;
      }),
  };

  close(): void {
    this.#isClosed = true;
    this.#leave?.();
    this.#end(new Error("Cannot call on a closed client"));
  }

  /** To be called when the link is cut. */
  lose(error: Error): void {
    this.#leave?.();
    this.#leave = undefined;
    this.#end(error);
  }

  #end(error: Error): void {
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const end of pending) end(error);
  }

  #call<T>(serve: (member: Member) => Promise<T>): Promise<T> {
    const { link, member } = this.#place;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const fault = link.callFaults.shift();
    const { deadline } = this.#options.defaultCallOptions?.(
      { isStream: false },
    ) ?? {};
    const timer = deadline === undefined ? undefined : setTimeout(
      () => fail(new Error("4 DEADLINE_EXCEEDED: Deadline exceeded")),
      deadline - Date.now(),
    );
    const fail = (error: Error) => {
      clearTimeout(timer);
      this.#pending.delete(fail);
      reject(error);
    };
    if (this.#isClosed) {
      fail(new Error("Cannot call on a closed client"));
      return promise;
    }
    this.#pending.add(fail);
    if (!link.isOpen || fault === "refused") {
      setTimeout(() => fail(new Unreachable("connect ECONNREFUSED")), 1);
      return promise;
    }
    this.#leave ??= link.connect(this);
    const cut = () => link.cut();
    link.deliver(async () => {
      if (fault === "lost before") return cut();
      let answer: T;
      try {
        answer = await serve(member);
      } catch (error) {
        return link.deliver(() => fail(toError(error)));
      }
      link.deliver(() => {
        if (fault === "lost after") return cut();
        clearTimeout(timer);
        this.#pending.delete(fail);
        resolve(answer);
      }, extraOf(fault));
    });
    return promise;
  }
}

function extraOf(fault: CallFault | undefined): number {
  return fault === "late" ? 2_500 : 0;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function headerOf(member: Member, revision = member.applied): Header {
  const { clusterId, term } = member.keyspace;
  return {
    cluster_id: clusterId,
    revision: String(revision),
    raft_term: String(term),
  };
}

/** A linearizable read: it contains all earlier writes. */
async function readRange(member: Member, request: RangeRequest) {
  try {
    await member.catchUp(READ_TIMEOUT);
  } catch (error) {
    throw new Error(`14 UNAVAILABLE: ${toError(error).message}`);
  }
  const { keyspace, applied } = member;
  const revision = Number(request.revision ?? 0) || applied;
  if (revision > applied) {
    throw new Error(
      "11 OUT_OF_RANGE: etcdserver: mvcc: required revision is a future revision",
    );
  }
  if (revision < member.compacted) {
    throw new Error(
      "11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted",
    );
  }
  const range = rangeOf(request);
  const all = [...keyspace.content(revision).keys.values()]
    .filter(({ key }) => isIn(key, range))
    .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  const limit = request.limit || Infinity;
  const kvs = request.count_only ? [] : all.slice(0, limit);
  return {
    header: headerOf(member),
    more: kvs.length < all.length && !request.count_only,
    count: String(all.length),
    kvs: kvs.map(({ key, value, revision }) => ({
      key: Buffer.from(key),
      value: request.keys_only ? Buffer.alloc(0) : value,
      mod_revision: String(revision),
    })),
  };
}

function rangeOf(
  { key, range_end = Buffer.alloc(0) }: {
    readonly key: Buffer;
    readonly range_end?: Buffer;
  },
): KeyRange {
  return { from: key, to: range_end };
}

interface WatchRequest {
  readonly create_request?: {
    readonly key: Buffer;
    readonly range_end?: Buffer;
    readonly start_revision: number;
  };
  readonly cancel_request?: { readonly watch_id: string };
}

interface Watching {
  readonly id: string;
  readonly range: KeyRange;
  /** The next revision to send. */
  next: number;
  isSilent: boolean;
}

/** A stream of watches, as gRPC's duplex stream is. */
class WatchStream extends EventEmitter {
  readonly #watches = new Map<string, Watching>();
  readonly #leave: () => void;
  /** Messages in transit: deliveries may overtake each other, messages may not. */
  readonly #written: WatchRequest[] = [];
  readonly #sent: unknown[] = [];
  #ids = 0;
  #isOver = false;

  /** @param token the login's token */
  constructor(
    private readonly link: Link,
    private readonly member: Member,
    private readonly token: string | undefined,
  ) {
    super();
    this.#leave = member.onApply(() => this.#serveAll());
  }

  write(request: WatchRequest): void {
    this.#written.push(request);
    this.link.deliver(() => {
      const next = this.#written.shift();
      if (next !== undefined) this.#receive(next);
    });
  }

  cancel(): void {
    this.#close();
  }

  end(): void {
    this.#close();
  }

  lose(error: Error): void {
    if (this.#isOver) return;
    this.#close();
    this.emit("error", error);
  }

  #close(): void {
    this.#isOver = true;
    this.#leave();
  }

  #receive({ create_request, cancel_request }: WatchRequest): void {
    if (this.#isOver) return;
    if (create_request !== undefined) {
      const id = String(this.#ids++);
      const { start_revision } = create_request;
      const refusal = auth.whyNoWatch(this.token, rangeOf(create_request));
      if (refusal !== undefined) {
        this.#send({
          watch_id: id,
          created: true,
          canceled: true,
          cancel_reason: refusal,
        });
        return;
      }
      this.#send({ watch_id: id, created: true });
      const { compacted } = this.member;
      if (start_revision < compacted) {
        const compact_revision = String(compacted);
        this.#send({ watch_id: id, canceled: true, compact_revision });
        return;
      }
      const watch: Watching = {
        id,
        range: rangeOf(create_request),
        next: start_revision,
        isSilent: this.link.watchFaults[0] === "silent",
      };
      if (watch.isSilent) {
        this.link.watchFaults.shift();
        this.link.lostAt = performance.now();
        this.link.losses++;
      }
      this.#watches.set(id, watch);
      this.#serve(watch);
    } else if (cancel_request !== undefined) {
      const { watch_id } = cancel_request;
      if (!this.#watches.delete(watch_id)) return;
      this.#send({ watch_id, canceled: true });
    }
  }

  #serveAll(): void {
    if (this.#isOver) return;
    for (const watch of this.#watches.values()) this.#serve(watch);
  }

  /** Sends the revisions that were applied since the last call. */
  #serve(watch: Watching): void {
    const { keyspace, applied, compacted } = this.member;
    if (watch.isSilent) return;
    const events: KeyEvent[] = [];
    while (watch.next <= applied && events.length < REPLAYED) {
      const revision = watch.next++;
      events.push(
        ...keyspace.events(revision).filter(({ key, value }) =>
          isIn(key, watch.range) &&
          (value !== undefined || revision > compacted)
        ),
      );
    }
    if (events.length === 0) return;
    const fault = this.link.watchFaults[0];
    if (fault === "lost") {
      this.link.watchFaults.shift();
      this.link.lostAt = performance.now();
      this.link.losses++;
      return;
    }
    this.#send({
      watch_id: watch.id,
      events: events.map(({ key, value, revision }) => ({
        type: value === undefined ? "Delete" : "Put",
        kv: {
          key: Buffer.from(key),
          value: value ?? Buffer.alloc(0),
          mod_revision: String(revision),
        },
      })),
    });
  }

  #send(
    response: {
      watch_id: string;
      created?: boolean;
      canceled?: boolean;
      compact_revision?: string;
      cancel_reason?: string;
      events?: unknown[];
    },
  ): void {
    const whole = {
      created: false,
      canceled: false,
      compact_revision: "0",
      cancel_reason: "",
      fragment: false,
      events: [],
      header: headerOf(this.member),
      ...response,
    };
    this.#sent.push(whole);
    this.link.deliver(() => {
      const next = this.#sent.shift();
      if (!this.#isOver && next !== undefined) this.emit("data", next);
    });
  }
}
