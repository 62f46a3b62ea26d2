import type {
  DescMessage,
  DescMethodUnary,
  MessageInitShape,
} from "@bufbuild/protobuf";
import type { Rights } from "../access/rights.ts";
import type { BranchOptions } from "../broadcast/branch.ts";
import type { Bytes } from "../broadcast/state.ts";
import type { Store } from "../store/store.ts";
import type { Metrics } from "../stats/metrics.ts";
import type { Cluster } from "../watcher/cluster.ts";
import type { Watcher } from "../watcher/watcher.ts";
import type { Endpoint } from "./endpoint.ts";
import type { RefusedStatus } from "./openapi/responses.ts";
import { encode } from "./rpc.ts";
import type { Query } from "./endpoint.ts";
import type { View, ViewContext } from "./view.ts";
import type { ViewStream } from "./views.ts";

/** What an answer depends on of a request; can be sent to another thread. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  /** The address at the other end of the TCP connection. */
  readonly peer: string;
  /** Whether it was asked by an address or a name that is known, which pages for people insist on. */
  readonly isNamed: boolean;
  /** The media types that are wanted. */
  readonly accept: string | null;
  readonly acceptEncoding: string | null;
  readonly ifNoneMatch: string | null;
  readonly prefer: string | null;
  /** Of the last event that it got, as browsers say when they come back. */
  readonly lastEventId: string | null;
}

/** An answer of one piece, to whoever asked; can be sent to another thread. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Bytes | null;
}

/** Where a stream's events come from. */
export interface EventStream {
  readonly headers: Readonly<Record<string, string>>;
  readonly options: BranchOptions;
  /**
   * Begins to feed a stream; to be called once.
   *
   * @returns to be called once, when the request is over
   */
  start(listener: ViewStream): () => void;
}

/** A view as a stream of several carries it. */
export interface NamedView {
  /** What is behind the names of its events. */
  readonly name: string;
  readonly view: View;
  readonly params: URLSearchParams;
  /** The entity tag of the state of it that the reader has. */
  readonly since?: string;
}

/** A running lainlet, as its endpoints see it. */
export interface EndpointContext extends ViewContext {
  /** All that can be asked. */
  readonly endpoints: readonly (View | CustomEndpoint)[];
  readonly metrics: Metrics;
  readonly rights: Rights;
  /** The age from which on the state counts as stale, in ms. */
  readonly staleAfter: number;
  readonly store: Pick<Store, "status">;
  readonly version: string;
  /** A stream of several views, whose states come together; each may be refused by itself. */
  watchTogether(
    views: readonly NamedView[],
    params: URLSearchParams,
    ask: HttpRequest,
  ): HttpResponse | EventStream;
}

/** An endpoint that is no view: an answer of its own kind. */
export interface CustomEndpoint extends Endpoint {
  /** Of the answer, without parameters. */
  readonly mediaType: string;
  /** Of HTTP, what else it may answer than 200, and what any request may get. */
  readonly statuses?: readonly RefusedStatus[];
  /** How gRPC asks for it. */
  readonly rpc?: readonly UnaryRpc[];
  /** What the answer rests on, when that is the cluster's state. */
  watcher?(cluster: Cluster): Pick<
    Watcher<unknown>,
    "age" | "progress" | "saved"
  >;
  /**
   * @throws {Refusal} when the request is malformed, or not for this caller
   * @throws {Unavailable} when there is no answer yet
   */
  respond(
    service: EndpointContext,
    query: Query,
    ask: HttpRequest,
  ): HttpResponse | EventStream | Promise<HttpResponse>;
}

/** A call of a page: a request, a reply. */
export interface UnaryRpc {
  readonly method: DescMethodUnary;
  /**
   * The reply, encoded.
   *
   * @throws {Refusal} when the request is malformed, or not for this caller
   * @throws {Unavailable} when there is no reply yet
   */
  reply(service: EndpointContext, query: Query): Uint8Array;
}

/** Declares a call of a page. */
export function unary<R extends DescMessage>(
  method: DescMethodUnary<DescMessage, R>,
  reply: (service: EndpointContext, query: Query) => MessageInitShape<R>,
): UnaryRpc {
  return {
    method,
    reply: (service, query) => encode(method.output, reply(service, query)),
  };
}

/** Whether an endpoint answers with streams only. */
export function isStreamOnly(endpoint: View | CustomEndpoint): boolean {
  return "mediaType" in endpoint && endpoint.mediaType === "text/event-stream";
}
