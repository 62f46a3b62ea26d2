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
  AccessDenied,
  Connection,
  readFirstAllowed,
  type ResponseHeader,
} from "../connection.ts";
import type { Login } from "../kind.ts";
import type { KeyChange, Snapshot } from "../store.ts";
import type { KeyRevisions } from "../watch.ts";
import {
  isPermissionDenied,
  type Range,
  readKeys,
  readSnapshot,
} from "./range.ts";
import { type IssuedToken, SharedToken, Token } from "./token.ts";
import { type WatchEnd, type WatchSink, WatchStream } from "./watch_stream.ts";

/** Time that etcd gets to answer a small request, in ms: login and TLS included. */
export const TIMEOUT = 3_000;
/** Time that etcd gets to send a page, in ms. */
const PAGE_TIMEOUT = 8_000;

/** How many connections this process has made. */
let connections = 0;

/**
 * One connection to one etcd endpoint: calls, and all watches over one gRPC
 * stream. It retries no call, except one whose token etcd refuses.
 * (etcd3's own watcher reconnects, but stays for good with an endpoint that
 * accepts connections and does not respond.)
 */
export class EtcdConnection extends Connection {
  readonly #client: Etcd3;
  readonly #token: Token;
  /** The stream for the next watch. */
  #stream?: WatchStream;
  readonly #streams = new Set<WatchStream>();
  /** Resolves when the watch that is being created is confirmed. */
  #creating: Promise<void> = Promise.resolve();

  /** Until when a check probes each prefix by itself, as `performance.now()`. */
  separateProbesUntil = 0;

  /** @param token shared by the connections to a cluster */
  constructor(
    endpoint: string,
    { tls, auth }: Login,
    token = new SharedToken(),
  ) {
    super(endpoint);
    const texts = tls?.read();
    this.#client = new Etcd3({
      hosts: endpoint,
      credentials: texts && {
        rootCertificate: Buffer.from(texts.ca),
        privateKey: texts.client && Buffer.from(texts.client.key),
        certChain: texts.client && Buffer.from(texts.client.cert),
      },
      // The owner of this connection opens another one.
      faultHandling: { global: noop, host: () => noop },
      grpcOptions: {
        "grpc.enable_http_proxy": 0,
        // grpc-js shares sockets among clients with equal options. This one makes
        // them differ: the socket of another connection may be dead.
        "lainlet.connection": ++connections,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 1_000,
        // A page of large values is larger than gRPC's default of 4 MB.
        "grpc.max_receive_message_length": -1,
      },
    });
    // Not etcd3's own login: that opens a connection for each token.
    const authenticate = auth && (async () => {
      const { username: name, password } = auth;
      const request = { name, password };
      return (await this.#client.auth.authenticate(request, unaryOptionsOf()))
        .token;
    });
    this.#token = new Token(authenticate, token);
  }

  /**
   * Waits until etcd answers for one of some prefixes.
   *
   * @throws {AccessDenied} when this login may read none of them
   * @throws {Error} when etcd does not respond
   */
  open(prefixes: Iterable<string>): Promise<ResponseHeader> {
    return readFirstAllowed(prefixes, (key) => this.currentRevision(key));
  }

  /**
   * Returns the current revision, linearizable: a member that lags or is cut
   * off from the others does not respond. Reads etcd's index only.
   *
   * @param key a key that this login may read
   */
  async currentRevision(key: string | Buffer): Promise<ResponseHeader> {
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

  /** Reads a key as it was at a revision. There is no value where there was no key. */
  async get(key: string, revision: number): Promise<KeyChange> {
    const request = { key: Buffer.from(key), revision };
    const { kvs: [kv] } = await this.#range(request, PAGE_TIMEOUT);
    return { key, value: kv?.value };
  }

  /** Reads everything under a prefix. */
  read(prefix: string): Promise<Snapshot> {
    return readSnapshot((page) => this.#range(page, PAGE_TIMEOUT), prefix);
  }

  /** Reads the keys under a prefix, without their values. */
  readKeys(prefix: string): Promise<KeyRevisions> {
    return readKeys((page) => this.#range(page, TIMEOUT), prefix);
  }

  /**
   * Watches a range from a revision on. Resolves when etcd has confirmed the
   * watch, or refused it; the sink gets the reason.
   *
   * @returns stops the watch
   * @throws when the connection ends before
   */
  async watch(
    range: Range,
    revision: number,
    sink: WatchSink,
  ): Promise<() => void> {
    // One at a time: a confirmation does not say which request it answers.
    const before = this.#creating;
    const { promise: created, resolve } = Promise.withResolvers<void>();
    this.#creating = created;
    await this.#unlessClosed(before, TIMEOUT);
    const watch = this.#createWatch(range, revision, sink);
    const stop = await this.#unlessClosed(watch, TIMEOUT);
    resolve();
    return stop;
  }

  /** Creates a watch; again on another stream, when etcd refuses the first one's token. */
  async #createWatch(
    range: Range,
    revision: number,
    sink: WatchSink,
  ): Promise<() => void> {
    for (let isRetry = false;; isRetry = true) {
      const stream = await this.#streamFor(await this.#token.current());
      const result = await stream.create(range, revision, sink);
      if (typeof result === "function") return result;
      if (isRetry || !await this.#isTokenRefused(stream, range, result)) {
        sink.ended(result);
        return () => {};
      }
    }
  }

  /** Whether a watch was refused because of its stream's token. */
  async #isTokenRefused(
    { token }: WatchStream,
    { key }: Range,
    refusal: WatchEnd,
  ): Promise<boolean> {
    if (this.#token.dropIfRefused(token, refusal)) return true;
    if (!(refusal instanceof AccessDenied)) return false;
    // Before 3.4.22, etcd answers the same for an expired token. A read shows which it is.
    await this.currentRevision(key).catch(() => {});
    return token !== await this.#token.current();
  }

  /** Returns the stream for new watches. etcd knows a stream by one token for as long as it lasts. */
  async #streamFor(token: IssuedToken): Promise<WatchStream> {
    if (this.#stream?.token === token) return this.#stream;
    const duplex = await this.#client.watchClient.watch(
      optionsOf(token.value),
    );
    const onFailure = (error: unknown) => this.fail(error);
    const stream = new WatchStream(duplex, token, onFailure);
    if (this.signal.aborted) stream.close();
    this.#streams.add(stream);
    const old = this.#stream;
    old?.retire(() => this.#streams.delete(old));
    return this.#stream = stream;
  }

  protected override release(): void {
    for (const stream of this.#streams) stream.close();
    this.#client.close();
  }

  async #range(
    request: IRangeRequest,
    timeout: number,
  ): Promise<IRangeResponse> {
    const range = this.#token.use((token) =>
      this.#client.kv.range(request, unaryOptionsOf(token))
    );
    try {
      return await this.#unlessClosed(range, timeout);
    } catch (error) {
      throw isPermissionDenied(error) ? new AccessDenied(error.message) : error;
    }
  }

  /** Waits for work, until the connection ends or a time has passed. @param timeout in ms */
  async #unlessClosed<T>(work: Promise<T>, timeout: number): Promise<T> {
    const { promise: over, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`etcd did not respond within ${timeout} ms`)),
      timeout,
    );
    const remove = onAbort(this.signal, () => reject(this.closedError));
    try {
      return await Promise.race([work, over]);
    } finally {
      clearTimeout(timer);
      remove();
    }
  }
}

/** Returns the options of a call, with a token or without. */
function optionsOf(token?: string): CallOptions {
  return { interceptors: [sendToken(token)] };
}

/** Returns the options of a call with one request and one response. */
function unaryOptionsOf(token?: string): CallOptions {
  return { ...optionsOf(token), deadline: Date.now() + PAGE_TIMEOUT };
}

/** Adds a token to a call's metadata. */
function sendToken(token?: string): Interceptor {
  return (options, call) =>
    new InterceptingCall(call(options), {
      start(metadata, _listener, next) {
        if (token !== undefined) metadata.set("token", token);
        next(metadata, { onReceiveStatus: rewordRefusal });
      },
    });
}

/** Rewords etcd's refusal of a token: with the original words, etcd3 would retry the call for ever. */
function rewordRefusal(
  status: StatusObject,
  next: (status: StatusObject) => void,
): void {
  const details = status.details.replace(
    "etcdserver: invalid auth token",
    "etcd: invalid auth token",
  );
  next({ ...status, details });
}
