import type {
  DescMessage,
  DescMethodUnary,
  MessageInitShape,
} from "@bufbuild/protobuf";
import type { Rights } from "../access/rights.ts";
import type { BranchOptions } from "../broadcast/branch.ts";
import type { Bytes } from "../broadcast/state.ts";
import type { Metrics } from "../stats/metrics.ts";
import type { ApiFilesStatus } from "../stats/stats.ts";
import type { Store } from "../store/store.ts";
import type { Cluster } from "../watcher/cluster.ts";
import type { Watcher } from "../watcher/watcher.ts";
import type { Endpoint, Query } from "./endpoint.ts";
import type { RefusedStatus } from "./openapi/responses.ts";
import { encode } from "./rpc.ts";
import type { View, ViewContext } from "./view.ts";
import type { ViewStream } from "./views.ts";

/** The parts of an HTTP request that a response depends on. Can be sent to another thread. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  /** The TCP peer's address. */
  readonly peer: string;
  /** Whether the `Host` is an address or a known name, which the dashboard requires. */
  readonly isKnownHost: boolean;
  readonly accept: string | null;
  readonly acceptEncoding: string | null;
  readonly ifNoneMatch: string | null;
  readonly prefer: string | null;
  /** The id of the last event, which browsers send when they reconnect. */
  readonly lastEventId: string | null;
}

/** A complete HTTP response. Can be sent to another thread. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Bytes | null;
}

/** A response that is an event stream. */
export interface EventStream {
  readonly headers: Readonly<Record<string, string>>;
  readonly options: BranchOptions;
  /**
   * Starts the stream; to be called once.
   *
   * @returns ends it; to be called once, when the request is over
   */
  start(stream: ViewStream): () => void;
}

/** One of several views on a stream. */
export interface NamedView {
  /** The suffix of its events' names. */
  readonly name: string;
  readonly view: View;
  readonly path: string;
  readonly params: URLSearchParams;
  /** The entity tag of the state that the client has. */
  readonly since?: string;
}

/** A running lainlet, as its custom endpoints see it. */
export interface EndpointContext extends ViewContext {
  /** Undefined: it has none. */
  readonly apiFiles?: ApiFilesStatus;
  /** Another list whenever API files are replaced. */
  readonly endpoints: readonly (View | CustomEndpoint)[];
  readonly metrics: Metrics;
  readonly rights: Rights;
  /** Age above which the state is stale, in ms. */
  readonly staleAfter: number;
  readonly store: Pick<Store, "status">;
  readonly version: string;
  /** Makes a stream of several views, whose states are always of one revision. */
  watchTogether(
    views: readonly NamedView[],
    params: URLSearchParams,
    request: HttpRequest,
  ): HttpResponse | EventStream;
}

/** An endpoint that is not a view: it makes its own response. */
export interface CustomEndpoint extends Endpoint {
  /** The response's media type, without parameters. */
  readonly mediaType: string;
  /** The statuses of its responses, besides 200 and those that any request may get. */
  readonly statuses?: readonly RefusedStatus[];
  /** Its gRPC methods. */
  readonly rpc?: readonly UnaryRpc[];
  /** The watcher that the response is made from, if any; response headers carry its age. */
  watcher?(cluster: Cluster): Pick<
    Watcher<unknown>,
    "age" | "progress" | "saved"
  >;
  /**
   * Responds to a request.
   *
   * @throws {Refusal} when the request is malformed, or the caller may not make it
   * @throws {Unavailable} when there is no answer yet
   */
  respond(
    context: EndpointContext,
    query: Query,
    request: HttpRequest,
  ): HttpResponse | EventStream | Promise<HttpResponse>;
}

/** A unary gRPC method of a custom endpoint. */
export interface UnaryRpc {
  readonly method: DescMethodUnary;
  /**
   * Makes the encoded reply.
   *
   * @throws {Refusal} when the request is malformed, or the caller may not make it
   * @throws {Unavailable} when there is no reply yet
   */
  reply(context: EndpointContext, query: Query): Uint8Array;
}

/** Declares a unary gRPC method. */
export function unary<R extends DescMessage>(
  method: DescMethodUnary<DescMessage, R>,
  reply: (context: EndpointContext, query: Query) => MessageInitShape<R>,
): UnaryRpc {
  return {
    method,
    reply: (context, query) => encode(method.output, reply(context, query)),
  };
}

/** Whether an endpoint responds with event streams only. */
export function isStreamOnly(endpoint: View | CustomEndpoint): boolean {
  return "mediaType" in endpoint && endpoint.mediaType === "text/event-stream";
}
