/**
 * Replaces `npm:etcd3`, with the methods that lainlet uses: calls go to
 * simulated members over simulated links, and fail as the real ones do.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { Auth, type CallOptions, tokenOf } from "./auth.ts";
import { isIn, type KeyEvent, type KeyRange } from "./keyspace.ts";
import type { Member } from "./member.ts";
import {
  type Link,
  responseDelay,
  type Route,
  routeTo,
  Unreachable,
} from "./network.ts";

let auth = new Auth(false);

/** Replaces the authentication of the cluster. */
export function setAuth(present: Auth): void {
  auth = present;
}

/** The maximal number of events that a member sends to a watch at a time. */
const MAX_EVENTS = 1_000;

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
  readonly #route: Route;
  readonly #options: Options;
  /** Callbacks that fail pending calls and streams. */
  readonly #pending = new Set<(error: Error) => void>();
  #disconnect?: () => void;
  #isClosed = false;

  constructor(options: Options) {
    this.#route = routeTo(options.hosts);
    this.#options = options;
  }

  readonly auth = {
    authenticate: (login: { name: string; password: string }) =>
      this.#call(() => Promise.resolve({ token: auth.authenticate(login) })),
  };

  readonly kv = {
    range: (request: RangeRequest, options?: CallOptions) =>
      this.#call((member) => {
        auth.authorize(tokenOf(options), rangeOf(request));
        return readRange(member, request);
      }),
  };

  readonly watchClient = {
    watch: (options?: CallOptions) =>
      this.#call((member) =>
        Promise.resolve(
          new WatchStream(this.#route.link, member, tokenOf(options)),
        )
      ).then((stream) => {
        const end = (error: Error) => stream.drop(error);
        this.#pending.add(end);
        return stream;
      }),
  };

  close(): void {
    this.#isClosed = true;
    this.#disconnect?.();
    this.#end(new Error("Cannot call on a closed client"));
  }

  /** To be called when the connection is cut. */
  drop(error: Error): void {
    this.#disconnect?.();
    this.#disconnect = undefined;
    this.#end(error);
  }

  #end(error: Error): void {
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const end of pending) end(error);
  }

  #call<T>(serve: (member: Member) => Promise<T>): Promise<T> {
    const { link, member } = this.#route;
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
    this.#disconnect ??= link.connect(this);
    const cut = () => link.cut();
    link.deliver(async () => {
      if (fault === "request lost") return cut();
      let response: T;
      try {
        response = await serve(member);
      } catch (error) {
        return link.deliver(() => fail(toError(error)));
      }
      link.deliver(() => {
        if (fault === "response lost") return cut();
        clearTimeout(timer);
        this.#pending.delete(fail);
        resolve(response);
      }, responseDelay(fault));
    });
    return promise;
  }
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
    await member.catchUp();
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

interface Watch {
  readonly id: string;
  readonly range: KeyRange;
  /** The next revision to send. */
  next: number;
  /** Whether it delivers nothing. */
  readonly isSilent: boolean;
}

/** A stream of watches, as gRPC's duplex stream is. */
class WatchStream extends EventEmitter {
  readonly #watches = new Map<string, Watch>();
  readonly #unsubscribe: () => void;
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
    this.#unsubscribe = member.onApply(() => this.#serveAll());
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

  drop(error: Error): void {
    if (this.#isOver) return;
    this.#close();
    this.emit("error", error);
  }

  #close(): void {
    this.#isOver = true;
    this.#unsubscribe();
  }

  #receive({ create_request, cancel_request }: WatchRequest): void {
    if (this.#isOver) return;
    if (create_request !== undefined) {
      const id = String(this.#ids++);
      const { start_revision } = create_request;
      const refusal = auth.watchRefusal(
        this.token,
        rangeOf(create_request),
      );
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
      const watch: Watch = {
        id,
        range: rangeOf(create_request),
        next: start_revision,
        isSilent: this.link.takeWatchFault("silent"),
      };
      if (watch.isSilent) this.link.recordLoss();
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
  #serve(watch: Watch): void {
    const { keyspace, applied, compacted } = this.member;
    if (watch.isSilent) return;
    const events: KeyEvent[] = [];
    while (watch.next <= applied && events.length < MAX_EVENTS) {
      const revision = watch.next++;
      events.push(
        ...keyspace.events(revision).filter(({ key, value }) =>
          isIn(key, watch.range) &&
          (value !== undefined || revision > compacted)
        ),
      );
    }
    if (events.length === 0) return;
    if (this.link.takeWatchFault("change lost")) {
      return this.link.recordLoss();
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
    const message = {
      created: false,
      canceled: false,
      compact_revision: "0",
      cancel_reason: "",
      fragment: false,
      events: [],
      header: headerOf(this.member),
      ...response,
    };
    this.#sent.push(message);
    this.link.deliver(() => {
      const next = this.#sent.shift();
      if (!this.#isOver && next !== undefined) this.emit("data", next);
    });
  }
}
