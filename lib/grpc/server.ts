import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import { StreamRegistry } from "../broadcast/registry.ts";
import { type Http2Address, Http2Server } from "../http2/server.ts";
import type { Http2Stream, StreamHandler } from "../http2/stream.ts";
import { listenAt } from "../listen.ts";
import { errorTrace } from "../log.ts";
import type { Counters, ListenerRequest, Slot } from "../stats/counters.ts";
import type { MetricsInput } from "../stats/stats.ts";
import type { EndpointContext } from "../view/custom_endpoint.ts";
import type { Views } from "../view/views.ts";
import {
  BidirectionalHandler,
  Call,
  type CallEvents,
  type CallHandler,
  type PendingReply,
  UnaryHandler,
} from "./call.ts";
import { healthMethods } from "./health.ts";
import { type Method, methodsOf } from "./methods.ts";
import { file_health } from "./proto/health_pb.ts";
import { file_message } from "./proto/message_pb.ts";
import { reflectionMethods } from "./reflection.ts";
import { CODE, type Code, RpcError, toRpcError } from "./status.ts";
import { GrpcStream } from "./stream.ts";

const log = getLogger(["lainlet", "grpc"]);

/** What gRPC needs of lainlet. */
interface GrpcContext extends EndpointContext, MetricsInput {
  readonly counters: Counters;
  readonly limits: MetricsInput["limits"] & {
    /** How many streams one address may have. */
    readonly perAddress: number;
    acquire(request: ListenerRequest): Slot | string;
  };
  readonly views: Views;
}

/** Options of {@linkcode GrpcServer}. */
export interface GrpcOptions {
  readonly lainlet: GrpcContext;
  /** How long data may stay unread before a stream is ended, in ms. */
  readonly slowAfter: number;
  /** Approximate maximum number of the process's file descriptors. */
  readonly descriptors: number;
}

/** Memory that one address may take, and more for each stream that it may have, in bytes. */
const QUOTA = 4 * 1024 * 1024;
const QUOTA_PER_STREAM = 16 * 1024;

/** Total size of different states that may be in flight to one address, in bytes. */
const MAX_BODIES = 12 * 1024 * 1024;

/** Serves the endpoints by gRPC, on one thread. */
export class GrpcServer implements CallEvents {
  readonly #streams: StreamRegistry;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #http2: Http2Server;

  /**
   * Listens.
   *
   * @param address the hostname "" is all addresses
   * @throws {Error} when it cannot listen there
   */
  constructor(
    address: Http2Address,
    private readonly options: GrpcOptions,
  ) {
    const { lainlet, slowAfter, descriptors } = options;
    const { perAddress } = lainlet.limits;
    const services = new Set(file_message.services.map((s) => s.typeName));
    this.#methods = new Map([
      ...methodsOf(lainlet.endpoints, lainlet, lainlet.views),
      ...healthMethods(lainlet, services),
      ...reflectionMethods([file_message, file_health]),
    ]);
    this.#http2 = listenAt(
      address,
      (hostname) =>
        new Http2Server(
          { ...address, hostname },
          (stream) => this.#open(stream),
          {
            quota: {
              // The other half is for HTTP and the store.
              connections: Math.min(perAddress, Math.ceil(descriptors / 2)),
              bytes: QUOTA + QUOTA_PER_STREAM * perAddress,
              bodies: MAX_BODIES,
            },
            slowAfter,
          },
          () => lainlet.counters.add("refusedConnections", 1),
        ),
    );
    this.#streams = new StreamRegistry({
      counters: lainlet.counters,
      slowAfter,
    });
  }

  get address(): { hostname: string; port: number } {
    return this.#http2.address;
  }

  /** Stops listening, ends all streams, and waits until all calls are answered. */
  async close(): Promise<void> {
    this.#streams.close();
    await this.#http2.close();
  }

  /** Memory that callers take, as their quotas count it, in bytes. */
  get reservedBytes(): number {
    return this.#http2.reservedBytes;
  }

  onReply({ path, peer, stream }: Call, reply: PendingReply): void {
    this.#streams.add(reply, () => {
      this.options.lainlet.counters.add("slow", 1);
      log.debug("a reply is not read: the call is ended", { path, peer });
      stream.cancel();
    });
  }

  onReplyEnd(reply: PendingReply): void {
    this.#streams.remove(reply);
  }

  onInternalError({ path }: Call, error: unknown): void {
    log.error("a call failed", { path, error: errorTrace(error) });
  }

  onEnd({ path, peer, code }: Call): void {
    this.options.lainlet.counters.add("connections", -1);
    log.debug("a call has ended", { path, peer, code });
  }

  #open(stream: Http2Stream): StreamHandler {
    const status = unsupportedStatus(stream.headers);
    if (status !== undefined) {
      stream.respond([[":status", `${status}`]], true);
      return IGNORE;
    }
    this.options.lainlet.counters.add("connections", 1);
    const call = new Call(stream, this);
    const method = this.#methods.get(call.path);
    if (method === undefined) {
      call.finish(CODE.unimplemented, `no such method: ${call.path}`);
    } else call.handler = this.#handlerOf(call, method);
    return call;
  }

  #handlerOf(call: Call, method: Method): CallHandler {
    switch (method.kind) {
      case "bidi_streaming":
        return new BidirectionalHandler(call, method.reply);
      case "unary":
        return new UnaryHandler((request) => {
          call.write(this.#reply(call, method, request));
          call.finish(CODE.ok);
          return undefined;
        });
      case "server_streaming":
        return new UnaryHandler((request) =>
          this.#subscribe(call, method, request)
        );
    }
  }

  #reply(
    { path, peer }: Call,
    method: Extract<Method, { kind: "unary" }>,
    request: Uint8Array,
  ): Uint8Array {
    const begin = performance.now();
    let code: Code = CODE.ok;
    try {
      return method.reply(request, peer);
    } catch (error) {
      code = toRpcError(error)?.code ?? CODE.internal;
      throw error;
    } finally {
      const time = performance.now() - begin;
      this.options.lainlet.metrics.observe(path, code, time);
    }
  }

  /** Opens a stream. @returns a function to call when the call has ended */
  #subscribe(
    call: Call,
    method: Extract<Method, { kind: "server_streaming" }>,
    request: Uint8Array,
  ): () => void {
    const { path, peer } = call;
    const { counters, limits } = this.options.lainlet;
    const params = method.params(request);
    const slot = limits.acquire({
      peer,
      endpoint: path,
      protocol: "grpc",
      params,
      names: params.keys(),
    });
    if (typeof slot === "string") {
      throw new RpcError(CODE.resourceExhausted, slot);
    }
    const stream = new GrpcStream(this.#streams, call, slot.number, () => {
      counters.add("slow", 1);
      log.warn("a caller is too slow: its stream is ended", { path, peer });
      call.stream.cancel();
    });
    const unsubscribe = method.subscribe(params, peer, stream);
    return () => {
      stream.close();
      unsubscribe();
      slot.release();
    };
  }
}

/** Ignores a request. */
const IGNORE: StreamHandler = { data() {}, end() {}, close() {} };

/** Returns the HTTP status for a request that is not gRPC; undefined: it is. */
function unsupportedStatus(
  headers: ReadonlyMap<string, string>,
): number | undefined {
  if (headers.get(":method") !== "POST") return STATUS_CODE.MethodNotAllowed;
  const type = headers.get("content-type") ?? "";
  return /^application\/grpc(\+proto)?(;|$)/.test(type)
    ? undefined
    : STATUS_CODE.UnsupportedMediaType;
}
