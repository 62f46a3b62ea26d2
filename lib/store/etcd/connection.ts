import { onAbort } from "../../abort.ts";
import { Buffer } from "node:buffer";
import {
  type CallOptions,
  InterceptingCall,
  type Interceptor,
  type StatusObject,
} from "@grpc/grpc-js";
import { noop } from "cockatiel";
import { Etcd3, type IRangeRequest, type IRangeResponse } from "etcd3";
import "./sockets.ts";
import {
  isRefusal,
  type Keys,
  type Range,
  readKeys,
  readSnapshot,
} from "./range.ts";
import { type Issued, SharedToken, Token } from "./token.ts";
import { type WatchSink, WatchStream } from "./watch_stream.ts";
import { type Connection, lineOf } from "../connection.ts";
import type { Login } from "../kind.ts";
import type { KeyChange, Snapshot } from "../store.ts";

/** How long etcd may take to answer a small request, in ms: login and TLS included. */
export const TIMEOUT = 3_000;
/** How long etcd may take to send a page, in ms. */
const PAGE_TIMEOUT = 8_000;

let connections = 0;

/** Where etcd's history stands. */
export interface Head {
  readonly clusterId: string;
  readonly revision: number;
  /** Counts elections. */
  readonly raftTerm: number;
}

/**
 * One connection to one etcd endpoint: calls, and all watches over one gRPC
 * stream. It makes no call again, but for one whose token etcd refuses.
 * (etcd3 would reconnect its own watcher, but stays for good with an endpoint
 * that accepts and does not answer.)
 */
export class EtcdConnection implements Connection {
  readonly #client: Etcd3;
  readonly #token: Token;
  readonly #closing = new AbortController();
  /** The stream for the next watch. */
  #stream?: WatchStream;
  readonly #streams = new Set<WatchStream>();
  #turn: Promise<void> = Promise.resolve();

  readonly signal = this.#closing.signal;
  /** Until when a check compares each prefix by itself, as `performance.now()`. */
  apartUntil = 0;

  /** @param token that connections to the same cluster share */
  constructor(
    readonly endpoint: string,
    { tls, auth }: Login,
    token = new SharedToken(),
  ) {
    const texts = tls?.read();
    this.#client = new Etcd3({
      hosts: endpoint,
      credentials: texts && {
        rootCertificate: Buffer.from(texts.ca),
        privateKey: texts.client && Buffer.from(texts.client.key),
        certChain: texts.client && Buffer.from(texts.client.cert),
      },
      // Whoever has this connection makes another one.
      faultHandling: { global: noop, host: () => noop },
      grpcOptions: {
        "grpc.enable_http_proxy": 0,
        // Clients whose options are equal share a socket: all of this
        // connection must, and no other, as that socket may be dead.
        "lainlet.connection": ++connections,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 1_000,
        // A page of large values is larger than gRPC's default of 4 MB.
        "grpc.max_receive_message_length": -1,
      },
    });
    // Not by etcd3, which would open a connection for each token.
    const authenticate = auth && (async () => {
      const { username: name, password } = auth;
      const request = { name, password };
      return (await this.#client.auth.authenticate(request, unaryOptionsOf()))
        .token;
    });
    this.#token = new Token(authenticate, token);
  }

  /**
   * Whether etcd serves one of some prefixes at least, and where its history
   * stands.
   *
   * @throws when etcd does not answer, or refuses all of them
   */
  async open(prefixes: Iterable<string>): Promise<Head> {
    let refusal: unknown;
    for (const prefix of prefixes) {
      try {
        return await this.head(prefix);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  /**
   * Where etcd's history stands, linearizable: no member that lags or is cut
   * off from the others answers. Reads etcd's index only.
   *
   * @param key a key that this login may read
   */
  async head(key: string | Buffer): Promise<Head> {
    const { header } = await this.#range({
      key: Buffer.from(key),
      count_only: true,
    }, TIMEOUT);
    return {
      clusterId: header.cluster_id,
      revision: Number(header.revision),
      raftTerm: Number(header.raft_term),
    };
  }

  /** A key as it was at a revision; without a value, when it was not there. */
  async get(key: string, revision: number): Promise<KeyChange> {
    const request = { key: Buffer.from(key), revision };
    const { kvs: [kv] } = await this.#range(request, PAGE_TIMEOUT);
    return { key, value: kv?.value };
  }

  /** Everything under a prefix. */
  read(prefix: string): Promise<Snapshot> {
    return readSnapshot((page) => this.#range(page, PAGE_TIMEOUT), prefix);
  }

  /** The keys under a prefix. */
  readKeys(prefix: string): Promise<Keys> {
    return readKeys((page) => this.#range(page, TIMEOUT), prefix);
  }

  /**
   * Watches a range from a revision on. Resolves when etcd has confirmed
   * the watch (or refused it, which the sink hears).
   *
   * @returns stops the watch
   * @throws when the connection is over before that
   */
  async watch(
    range: Range,
    revision: number,
    sink: WatchSink,
  ): Promise<() => void> {
    // One at a time: a confirmation does not say which request it answers.
    const before = this.#turn;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#turn = done;
    await this.#unlessClosed(before, TIMEOUT);
    const watch = this.#createWatch(range, revision, sink);
    const stop = await this.#unlessClosed(watch, TIMEOUT);
    resolve();
    return stop;
  }

  /** Makes a watch; once more, on another stream, when etcd refuses the token of the first one. */
  async #createWatch(
    range: Range,
    revision: number,
    sink: WatchSink,
  ): Promise<() => void> {
    for (let isAgain = false;; isAgain = true) {
      const stream = await this.#streamFor(await this.#token.issued());
      const answer = await stream.create(range, revision, sink);
      if (typeof answer === "function") return answer;
      if (isAgain || !await this.#isStale(stream, range, answer)) {
        sink.lost(answer);
        return () => {};
      }
    }
  }

  /** Whether a watch was refused because of the token of its stream. */
  async #isStale(
    { issued }: WatchStream,
    { key }: Range,
    refusal: "compacted" | Error,
  ): Promise<boolean> {
    if (this.#token.refused(issued, refusal)) return true;
    if (!isRefusal(refusal)) return false;
    // Before 3.4.22, etcd says the same of a token that has expired; not of a read.
    await this.head(key).catch(() => {});
    return issued !== await this.#token.issued();
  }

  /** The stream for new watches: it is known to etcd by a token for as long as it lasts. */
  async #streamFor(issued: Issued): Promise<WatchStream> {
    if (this.#stream?.issued === issued) return this.#stream;
    const duplex = await this.#client.watchClient.watch(
      optionsOf(issued.value),
    );
    const onFailure = (error: unknown) => this.fail(error);
    const stream = new WatchStream(duplex, issued, onFailure);
    if (this.signal.aborted) stream.close();
    this.#streams.add(stream);
    const old = this.#stream;
    old?.retire(() => this.#streams.delete(old));
    return this.#stream = stream;
  }

  /** Ends the connection because of an error. */
  fail(error: unknown): void {
    this.#end(new Error(lineOf(error)));
  }

  /** Ends the connection. */
  close(): void {
    this.#end(null);
  }

  #end(reason: Error | null): void {
    if (this.signal.aborted) return;
    this.#closing.abort(reason);
    for (const stream of this.#streams) stream.close();
    this.#client.close();
  }

  #range(request: IRangeRequest, timeout: number): Promise<IRangeResponse> {
    const range = this.#token.use((token) =>
      this.#client.kv.range(request, unaryOptionsOf(token))
    );
    return this.#unlessClosed(range, timeout);
  }

  async #unlessClosed<T>(work: Promise<T>, timeout: number): Promise<T> {
    const { promise: over, reject } = Promise.withResolvers<never>();
    const abort = () =>
      reject(this.signal.reason ?? new Error("the connection was closed"));
    const timer = setTimeout(
      () => reject(new Error(`etcd did not answer within ${timeout} ms`)),
      timeout,
    );
    const remove = onAbort(this.signal, abort);
    try {
      return await Promise.race([work, over]);
    } finally {
      clearTimeout(timer);
      remove();
    }
  }
}

/** How a call of etcd's API is made, with a token or without. */
function optionsOf(token?: string): CallOptions {
  return { interceptors: [bearing(token)] };
}

/** The same for a call that is one request and one answer. */
function unaryOptionsOf(token?: string): CallOptions {
  return { ...optionsOf(token), deadline: Date.now() + PAGE_TIMEOUT };
}

/** Sends a token along. */
function bearing(token?: string): Interceptor {
  return (options, call) =>
    new InterceptingCall(call(options), {
      start(metadata, _listener, next) {
        if (token !== undefined) metadata.set("token", token);
        next(metadata, { onReceiveStatus: renameRefusal });
      },
    });
}

/** etcd3 makes a call again, for ever, when it fails with etcd's own words. */
function renameRefusal(
  status: StatusObject,
  next: (status: StatusObject) => void,
): void {
  const details = status.details.replace(
    "etcdserver: invalid auth token",
    "etcd: invalid auth token",
  );
  next({ ...status, details });
}
