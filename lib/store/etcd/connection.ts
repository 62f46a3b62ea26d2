import { Buffer } from "node:buffer";
import {
  Etcd3,
  type IDuplexStream,
  type IEvent,
  type IRangeRequest,
  type IRangeResponse,
  type IWatchRequest,
  type IWatchResponse,
} from "etcd3";
import "./sockets.ts";
import { batches, isRefusal, type Range, reasonOf } from "./messages.ts";
import { type Keys, readKeys, readSnapshot } from "./pages.ts";
import type { Connection } from "../dial.ts";
import { lineOf } from "../line.ts";
import type { Login } from "../login.ts";
import type { Batch, Change, Snapshot } from "../store.ts";

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

/** Who receives one watch. */
export interface WatchSink {
  batch(batch: Batch): void;
  /** After batches: where etcd's history stood when it sent them. */
  sent?(revision: number): void;
  /** The watch is over: its start was compacted away, or etcd's reason not to serve it. */
  lost(reason: "compacted" | Error): void;
}

interface ServerWatch {
  readonly sink: WatchSink;
  readonly confirm: () => void;
  events: IEvent[];
}

/**
 * One connection to one etcd endpoint: calls, and all watches over one gRPC
 * stream. (etcd3 would reconnect its own watcher, but stays for good with an
 * endpoint that accepts and does not answer.)
 */
export class EtcdConnection implements Connection {
  readonly #client: Etcd3;
  readonly #creating: ServerWatch[] = [];
  readonly #watches = new Map<string, ServerWatch>();
  readonly #closing = new AbortController();
  #stream?: Promise<IDuplexStream<IWatchRequest, IWatchResponse>>;
  #turn: Promise<void> = Promise.resolve();

  readonly signal = this.#closing.signal;
  /** Until when a check compares each prefix by itself, as `performance.now()`. */
  apartUntil = 0;

  constructor(readonly endpoint: string, { tls, auth }: Login) {
    this.#client = new Etcd3({
      hosts: endpoint,
      credentials: tls && {
        rootCertificate: Buffer.from(tls.ca),
        privateKey: tls.client && Buffer.from(tls.client.key),
        certChain: tls.client && Buffer.from(tls.client.cert),
      },
      auth: auth && { ...auth },
      defaultCallOptions: ({ isStream }) =>
        isStream ? {} : { deadline: Date.now() + PAGE_TIMEOUT },
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
  async head(key: string): Promise<Head> {
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
  async get(key: string, revision: number): Promise<Change> {
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
    const { promise, resolve: confirm } = Promise.withResolvers<void>();
    this.#turn = promise;
    await this.#unlessClosed(before, TIMEOUT);
    this.#stream ??= this.#openStream();
    const stream = await this.#unlessClosed(this.#stream, TIMEOUT);
    const watch: ServerWatch = { sink, confirm, events: [] };
    this.#creating.push(watch);
    stream.write({
      create_request: {
        ...range,
        start_revision: revision,
        fragment: true,
      },
    });
    await this.#unlessClosed(promise, TIMEOUT);
    return () => {
      for (const [id, other] of this.#watches) {
        if (other !== watch) continue;
        this.#watches.delete(id);
        stream.write({ cancel_request: { watch_id: id } });
      }
    };
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
    this.#stream?.then((stream) => stream.cancel()).catch(() => {});
    this.#client.close();
  }

  #range(request: IRangeRequest, timeout: number): Promise<IRangeResponse> {
    return this.#unlessClosed(this.#client.kv.range(request), timeout);
  }

  async #openStream(): Promise<IDuplexStream<IWatchRequest, IWatchResponse>> {
    const stream = await this.#client.watchClient.watch();
    stream.on("data", (response) => this.#receive(response));
    stream.on("error", (error) => this.fail(error));
    stream.on("end", () => this.fail("etcd ended the watch stream"));
    return stream;
  }

  #receive(response: IWatchResponse): void {
    if (this.signal.aborted) return;
    if (response.created) {
      const watch = this.#creating.shift();
      if (watch === undefined) {
        return this.fail("etcd confirmed a watch that was not asked for");
      }
      watch.confirm();
      if (response.canceled) watch.sink.lost(reasonOf(response));
      else this.#watches.set(response.watch_id, watch);
      return;
    }
    const watch = this.#watches.get(response.watch_id);
    if (watch === undefined) return;
    if (response.canceled) {
      this.#watches.delete(response.watch_id);
      return watch.sink.lost(reasonOf(response));
    }
    watch.events = watch.events.concat(response.events);
    // A revision's events may be spread over the fragments of a response.
    if (response.fragment) return;
    for (const batch of batches(watch.events)) watch.sink.batch(batch);
    watch.events = [];
    watch.sink.sent?.(Number(response.header?.revision));
  }

  async #unlessClosed<T>(work: Promise<T>, timeout: number): Promise<T> {
    const { promise: over, reject } = Promise.withResolvers<never>();
    const abort = () =>
      reject(this.signal.reason ?? new Error("the connection was closed"));
    const timer = setTimeout(
      () => reject(new Error(`etcd did not answer within ${timeout} ms`)),
      timeout,
    );
    if (this.signal.aborted) abort();
    this.signal.addEventListener("abort", abort);
    try {
      return await Promise.race([work, over]);
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener("abort", abort);
    }
  }
}
