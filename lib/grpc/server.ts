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
import { GrpcStream } from "./stream.ts";
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
import { CODE, type Code, RpcError, rpcErrorOf } from "./status.ts";

const log = getLogger(["lainlet", "grpc"]);

/** A lainlet, as far as gRPC serves it. */
interface GrpcService extends EndpointContext, MetricsInput {
  readonly counters: Counters;
  readonly limits: MetricsInput["limits"] & {
    /** Streams to one address. */
    readonly perAddress: number;
    acquire(request: ListenerRequest): Slot | string;
  };
  readonly views: Views;
}

/** What is served, and how. */
export interface GrpcOptions {
  readonly lainlet: GrpcService;
  /** How long a reader may leave alone what is there for it, in ms. */
  readonly slowAfter: number;
  /** File descriptors that can be had, as far as they were counted. */
  readonly descriptors: number;
}

/** What is kept of one address whatever the limit of streams is, and for each stream that it may have, in bytes. */
const KEPT = 4 * 1024 * 1024;
const KEPT_PER_STREAM = 16 * 1024;

/** How many bytes of different states may be on their way to one address. */
const BODIES = 12 * 1024 * 1024;

/** Serves a lainlet's endpoints by gRPC, on one thread. */
export class GrpcServer implements CallEvents {
  readonly #branches: StreamRegistry;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #http2: Http2Server;

  /**
   * Listens.
   *
   * @param address where the hostname "" is every address
   * @throws {Error} that says why not
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
              // The other half is for the rest: HTTP, the store.
              connections: Math.min(perAddress, Math.ceil(descriptors / 2)),
              bytes: KEPT + KEPT_PER_STREAM * perAddress,
              bodies: BODIES,
            },
            slowAfter,
          },
        ),
    );
    this.#branches = new StreamRegistry({
      counters: lainlet.counters,
      slowAfter,
    });
  }

  get address(): { hostname: string; port: number } {
    return this.#http2.address;
  }

  /** Listens no more, ends all streams, and waits until all calls are answered. */
  async close(): Promise<void> {
    this.#branches.close();
    await this.#http2.close();
  }

  /** Memory that is kept for callers, in bytes, as their quotas count it. */
  get kept(): number {
    return this.#http2.reservedBytes;
  }

  onReply({ path, peer, stream }: Call, reply: PendingReply): void {
    this.#branches.add(reply, () => {
      this.options.lainlet.counters.add("slow", 1);
      log.debug("a reply is not read, its call ends", { path, peer });
      stream.cancel();
    });
  }

  onReplyEnd(reply: PendingReply): void {
    this.#branches.remove(reply);
  }

  onInternalError({ path }: Call, error: unknown): void {
    log.error("a call failed", { path, error: errorTrace(error) });
  }

  onEnd({ path, peer, code }: Call): void {
    this.options.lainlet.counters.add("connections", -1);
    log.debug("a call is done", { path, peer, code });
  }

  #open(stream: Http2Stream): StreamHandler {
    const status = statusOfUnsupported(stream.headers);
    if (status !== undefined) {
      stream.respond([[":status", `${status}`]], true);
      return IGNORED;
    }
    this.options.lainlet.counters.add("connections", 1);
    const call = new Call(stream, this);
    const method = this.#methods.get(call.path);
    if (method === undefined) {
      call.finish(CODE.unimplemented, `there is no method ${call.path}`);
    } else call.handler = this.#handlerOf(call, method);
    return call;
  }

  #handlerOf(call: Call, method: Method): CallHandler {
    switch (method.kind) {
      case "dialogue":
        return new BidirectionalHandler(call, method.reply);
      case "unary":
        return new UnaryHandler((request) => {
          call.write(this.#reply(call, method, request));
          call.finish(CODE.ok);
        });
      case "stream": {
        let stop = () => {};
        const single = new UnaryHandler((request) => {
          const end = this.#follow(call, method, request);
          // It may have been refused at once.
          if (call.stream.isClosed) end();
          else stop = end;
        });
        return {
          get bufferedBytes() {
            return single.bufferedBytes;
          },
          message: (bytes) => single.message(bytes),
          end: () => single.end(),
          close: () => stop(),
        };
      }
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
      code = rpcErrorOf(error)?.code ?? CODE.internal;
      throw error;
    } finally {
      const time = performance.now() - begin;
      this.options.lainlet.metrics.observe(path, code, time);
    }
  }

  /** Feeds a stream. @returns ends that */
  #follow(
    call: Call,
    method: Extract<Method, { kind: "stream" }>,
    request: Uint8Array,
  ): () => void {
    const { path, peer, stream } = call;
    const { counters, limits } = this.options.lainlet;
    const demand = method.demand(request, peer);
    const params = method.params(request);
    const place = limits.acquire({
      peer,
      endpoint: path,
      protocol: "grpc",
      params,
      names: params.keys(),
    });
    if (typeof place === "string") {
      throw new RpcError(CODE.resourceExhausted, place);
    }
    const finish = (code: Code, text: string) => call.finish(code, text);
    const branch = new GrpcStream(
      place.number,
      stream,
      counters.latency,
      finish,
    );
    call.open();
    const stop = demand(branch);
    this.#branches.add(branch, () => {
      counters.add("slow", 1);
      log.warn("a caller is too slow, its stream ends", { path, peer });
      stream.cancel();
    });
    return () => {
      branch.leave();
      this.#branches.remove(branch);
      stop();
      place.release();
    };
  }
}

/** Takes no interest in a request. */
const IGNORED: StreamHandler = { data() {}, end() {}, close() {} };

/** The status of HTTP for a request that is not gRPC's. */
function statusOfUnsupported(
  headers: ReadonlyMap<string, string>,
): number | undefined {
  if (headers.get(":method") !== "POST") return STATUS_CODE.MethodNotAllowed;
  const type = headers.get("content-type") ?? "";
  return /^application\/grpc(\+proto)?(;|$)/.test(type)
    ? undefined
    : STATUS_CODE.UnsupportedMediaType;
}
