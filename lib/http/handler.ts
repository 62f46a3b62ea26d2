import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import { Rights } from "../access/rights.ts";
import { badRequest, Refusal, Unavailable } from "../errors.ts";
import { errorTrace } from "../log.ts";
import { ChangeLog, type ChangeLogOptions } from "../overview/change_log.ts";
import { OvercommittedNodes } from "../overview/overcommitted_nodes.ts";
import { RemovedNodes } from "../overview/removed_nodes.ts";
import { followBeginnings } from "../overview/since.ts";
import { Counters } from "../stats/counters.ts";
import { Metrics } from "../stats/metrics.ts";
import { heldBackReason } from "../stats/readiness.ts";
import { RuntimeStats } from "../stats/stats.ts";
import type { ApiFilesStatus } from "../stats/stats.ts";
import type { Store } from "../store/store.ts";
import { TimeSlices } from "../time_slice.ts";
import type {
  CustomEndpoint,
  EndpointContext,
  EventStream,
  HttpRequest,
  HttpResponse,
  NamedView,
} from "../view/custom_endpoint.ts";
import {
  heartbeatParam,
  isPatch,
  isTagged,
  isWatch,
  STREAM_PARAMS,
  takeEtag,
} from "../view/params.ts";
import { Endpoints } from "../view/endpoints.ts";
import type { ApiFiles } from "../view/files/files.ts";
import type { View } from "../view/view.ts";
import { Views } from "../view/views.ts";
import { type Cluster, followCluster, type Host } from "../watcher/cluster.ts";
import {
  GetHandler,
  listenerRequest,
  type RequestContext,
  tooManyListeners,
} from "./gets.ts";
import { Limits, type LimitsOptions } from "./limits.ts";
import {
  refusalResponse,
  type RequestHandler,
  stalenessHeaders,
  textResponse,
  unavailableResponse,
  withHeaders,
} from "./response.ts";

const log = getLogger(["lainlet", "handler"]);

const BAD_HEARTBEAT = "heartbeat must be a whole number of seconds";

/**
 * Headers of an event stream, so that proxies pass on each event at once.
 * HAProxy compresses unless `no-transform` (RFC 9111, 5.2.2.6) forbids it, and
 * then delays the end of an event until the next one. nginx obeys the last
 * one.
 */
const STREAM_HEADERS = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
};

/** Options of {@linkcode Lainlet}. */
export interface LainletOptions {
  readonly store: Store;
  readonly host: Host;
  readonly version: string;
  /** Those that are built in. */
  readonly endpoints: readonly (View | CustomEndpoint)[];
  /** More of them; served once {@linkcode Lainlet.reloadApis} has read them. */
  readonly apiFiles?: ApiFiles;
  /** Whether to check what a caller may read. */
  readonly auth: boolean;
  /** Age above which the state is stale, in ms. */
  readonly staleAfter: number;
  readonly limits: LimitsOptions;
  /** Saves the history of changes; absent: it ends with the process. */
  readonly historyKeeper?: ChangeLogOptions["keeper"];
}

/** The state of a cluster, and the handler of all requests for it. Runs on the main thread. */
export class Lainlet implements RequestHandler, EndpointContext {
  readonly cluster: Cluster;
  readonly counters: Counters;
  readonly changeLog: ChangeLog;
  readonly host: Host;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly overcommittedNodes: OvercommittedNodes;
  readonly removedNodes: RemovedNodes;
  readonly rights: Rights;
  readonly store: Store;
  readonly version: string;
  readonly views: Views;
  readonly stats: RuntimeStats;
  readonly staleAfter: number;
  readonly #apiFiles?: ApiFiles;
  readonly #endpoints: Endpoints;
  readonly #closing = new AbortController();
  readonly #gets: GetHandler;
  readonly #timeSlices = new TimeSlices();

  constructor(options: LainletOptions) {
    this.store = options.store;
    // API files get it.
    this.host = Object.freeze({ ...options.host });
    this.version = options.version;
    this.staleAfter = options.staleAfter;
    this.counters = Counters.allocate(options.limits.listeners);
    this.limits = new Limits(options.limits, this.counters.slots);
    this.cluster = followCluster(options.store, this.#closing.signal);
    this.rights = new Rights(this.cluster, options.host, options.auth);
    this.changeLog = new ChangeLog(this.cluster, {
      keeper: options.historyKeeper,
    });
    followBeginnings(this.cluster, this.changeLog);
    this.removedNodes = new RemovedNodes(this.cluster, this.changeLog);
    this.overcommittedNodes = new OvercommittedNodes(this.cluster);
    this.#apiFiles = options.apiFiles;
    this.#endpoints = new Endpoints(options.endpoints);
    this.views = new Views(
      this,
      this.rights,
      (path) => this.#endpoints.viewAt(path),
    );
    this.#gets = new GetHandler(this);
    this.metrics = new Metrics(this);
    this.stats = new RuntimeStats(this);
  }

  get endpoints(): readonly (View | CustomEndpoint)[] {
    return this.#endpoints.all;
  }

  get apiFiles(): ApiFilesStatus | undefined {
    return this.#apiFiles;
  }

  /**
   * Reads the API files that have changed, and serves their views: new ones
   * appear, streams of changed ones get what differs, those of removed ones end
   * with an error. Never rejects.
   */
  async reloadApis(): Promise<void> {
    if (this.#apiFiles === undefined) return;
    await this.#apiFiles.reload();
    const removed = this.#endpoints.replace(this.#apiFiles.views);
    this.views.reopen();
    for (const path of removed) {
      this.limits.forget(path);
      this.metrics.forget(path);
    }
  }

  /** Stops following the store, and ends waiting GETs. */
  close(): void {
    this.stats.close();
    this.#gets.close();
    this.#closing.abort();
  }

  async handle(
    request: HttpRequest,
    signal?: AbortSignal,
  ): Promise<HttpResponse | EventStream> {
    const slice = this.#timeSlices.of(request.peer);
    if (slice.isLongSliceOver) await slice.next();
    const begin = performance.now();
    const work = { begin };
    let counted = begin;
    let endpoint: View | CustomEndpoint | undefined;
    let result: HttpResponse | EventStream;
    try {
      if (!URL.canParse(request.url)) throw badRequest("the URL is malformed");
      const { pathname, searchParams: params } = new URL(request.url);
      const path = pathname.replace(/([^/])\/$/, "$1");
      endpoint = this.#endpoints.at(path);
      const dispatched = this.#dispatch(
        endpoint,
        { request, path, params, signal, work },
      );
      // Counted before the await: other requests of the address may run meanwhile.
      counted = performance.now();
      slice.spend(counted - begin);
      result = await dispatched;
    } catch (error) {
      result = errorResponse(request, error);
    }
    if ("status" in result) {
      const end = performance.now();
      slice.spend(end - Math.max(counted, work.begin));
      // It may have been removed meanwhile.
      const path = endpoint?.paths.find((one) => this.#endpoints.at(one)) ??
        "unknown";
      this.metrics.observe(path, result.status, end - work.begin);
    }
    return withHeaders(result, this.#stalenessHeaders(endpoint));
  }

  #stalenessHeaders(
    endpoint: View | CustomEndpoint | undefined,
  ): Record<string, string> | undefined {
    const watcher = endpoint?.watcher?.(this.cluster);
    if (watcher === undefined) return undefined;
    const [age, file] = [watcher.age(), watcher.saved()];
    const heldBack = heldBackReason(this.cluster);
    const problems = [
      ...heldBack ? [heldBack] : [],
      ...this.store.status.problems,
    ];
    if (file !== undefined) {
      return stalenessHeaders(age, 0, [`from ${file}`, ...problems]);
    }
    if (heldBack && Number.isFinite(age)) {
      return stalenessHeaders(age, 0, problems);
    }
    if (age <= this.staleAfter || !Number.isFinite(age)) return undefined;
    return stalenessHeaders(age, this.staleAfter, problems);
  }

  #dispatch(
    endpoint: View | CustomEndpoint | undefined,
    context: RequestContext,
  ): HttpResponse | EventStream | Promise<HttpResponse> {
    const { request, params } = context;
    if (endpoint === undefined) {
      return textResponse("404 not found", STATUS_CODE.NotFound);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return textResponse("method not allowed", STATUS_CODE.MethodNotAllowed, {
        Allow: "GET, HEAD",
      });
    }
    if ("respond" in endpoint) {
      const query = this.views.query(params, request.peer);
      return endpoint.respond(this, query, request);
    }
    return isWatch(params)
      ? this.#watch(endpoint, context)
      : this.#gets.get(endpoint, context);
  }

  watchTogether(
    views: readonly NamedView[],
    params: URLSearchParams,
    { method, peer }: HttpRequest,
  ): HttpResponse | EventStream {
    const heartbeat = heartbeatParam(params);
    if (heartbeat === undefined) throw badRequest(BAD_HEARTBEAT);
    const [patch, tag] = [isPatch(params), isTagged(params)];
    if (method === "HEAD") {
      return { status: STATUS_CODE.OK, headers: STREAM_HEADERS, body: null };
    }
    const slot = this.limits.acquire({
      peer,
      endpoint: "/v2/watch",
      protocol: "http",
      params,
      names: ["view", ...STREAM_PARAMS],
    });
    if (typeof slot === "string") throw tooManyListeners(slot);
    const { release, number } = slot;
    const requests = views.map((one) => ({ ...one, peer }));
    const names = views.map(({ name }) => name);
    const since = views.map(({ since }) => since);
    return {
      headers: STREAM_HEADERS,
      options: { heartbeat, patch, tag, names, since, slot: number },
      start: (stream) =>
        runBoth(this.views.subscribeTogether(requests, stream), release),
    };
  }

  #watch(
    view: View,
    { request: { method, peer }, path, params }: RequestContext,
  ): HttpResponse | EventStream {
    const patch = isPatch(params);
    if (patch && !view.isObject) {
      throw badRequest("patch=merge is for responses that are objects");
    }
    if (method === "HEAD") {
      return { status: STATUS_CODE.OK, headers: STREAM_HEADERS, body: null };
    }
    const since = takeEtag(params, view.params);
    const tag = isTagged(params);
    const slot = this.limits.acquire(listenerRequest({ view, params, peer }));
    if (typeof slot === "string") throw tooManyListeners(slot);
    const { release, number } = slot;
    const heartbeat = heartbeatParam(params);
    return {
      headers: STREAM_HEADERS,
      options: { heartbeat: heartbeat ?? 0, patch, tag, slot: number },
      start: (stream) => {
        if (heartbeat === undefined) {
          stream.fail(BAD_HEARTBEAT, STATUS_CODE.BadRequest);
          return release;
        }
        const request = { view, path, params, peer, since };
        return runBoth(this.views.subscribe(request, stream), release);
      },
    };
  }
}

/** A separate function: its closure lives as long as the stream, and must not retain the request. */
function runBoth(first: () => void, second: () => void): () => void {
  return () => {
    first();
    second();
  };
}

function errorResponse(request: HttpRequest, error: unknown): HttpResponse {
  if (error instanceof Refusal) return refusalResponse(error);
  if (error instanceof Unavailable) return unavailableResponse(error);
  log.error("a request failed", { url: request.url, error: errorTrace(error) });
  return textResponse("internal error", STATUS_CODE.InternalServerError);
}
