import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import {
  refusalResponse,
  type RequestHandler,
  stalenessHeaders,
  textResponse,
  unavailableResponse,
  withHeaders,
} from "./response.ts";
import { errorTrace } from "../log.ts";
import { type Cluster, followCluster, type Host } from "../watcher/cluster.ts";
import { Counters } from "../stats/counters.ts";
import { badRequest, Refusal, Unavailable } from "../errors.ts";
import { Limits, type LimitsOptions } from "./limits.ts";
import { ChangeLog } from "../overview/change_log.ts";
import { Metrics } from "../stats/metrics.ts";
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
import {
  GetHandler,
  listenerRequest,
  type RequestContext,
  tooManyListeners,
} from "./reads.ts";
import { Rights } from "../access/rights.ts";
import { TimeSlices } from "../time_slice.ts";
import type { Store } from "../store/store.ts";
import type { View } from "../view/view.ts";
import { Views } from "../view/views.ts";
import { heldBackReason } from "../stats/readiness.ts";
import { RuntimeStats } from "../stats/stats.ts";

const log = getLogger(["lainlet", "origin"]);

const BAD_HEARTBEAT = "heartbeat must be a whole number of seconds";

/**
 * Headers of a stream: proxies are to pass on each event as it comes. HAProxy
 * compresses what `no-transform` (RFC 9111, 5.2.2.6) does not forbid, and holds
 * back the end of an event until the next one; nginx obeys the last one.
 */
const STREAM_HEADERS = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
};

/** What a lainlet knows, and to whom it tells it. */
export interface LainletOptions {
  readonly store: Store;
  readonly host: Host;
  readonly version: string;
  readonly endpoints: readonly (View | CustomEndpoint)[];
  /** Check who may ask what. */
  readonly auth: boolean;
  /** The age from which on the state counts as stale, in ms. */
  readonly staleAfter: number;
  readonly limits: LimitsOptions;
}

/** The state of a cluster, and the answers that are made of it. */
export class Lainlet implements RequestHandler, EndpointContext {
  readonly cluster: Cluster;
  readonly counters: Counters;
  readonly changeLog: ChangeLog;
  readonly host: Host;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly rights: Rights;
  readonly store: Store;
  readonly version: string;
  readonly views: Views;
  readonly stats: RuntimeStats;
  readonly staleAfter: number;
  readonly endpoints: readonly (View | CustomEndpoint)[];
  readonly #byPath = new Map<string, View | CustomEndpoint>();
  readonly #closing = new AbortController();
  readonly #gets: GetHandler;
  readonly #timeSlices = new TimeSlices();

  constructor(options: LainletOptions) {
    this.store = options.store;
    this.host = options.host;
    this.version = options.version;
    this.staleAfter = options.staleAfter;
    this.counters = Counters.allocate(options.limits.listeners);
    this.limits = new Limits(options.limits, this.counters.slots);
    this.cluster = followCluster(options.store, this.#closing.signal);
    this.rights = new Rights(this.cluster, options.host, options.auth);
    this.changeLog = new ChangeLog(this.cluster);
    this.endpoints = options.endpoints;
    for (const endpoint of this.endpoints) {
      for (const path of endpoint.paths) this.#byPath.set(path, endpoint);
    }
    this.views = new Views(this, this.rights);
    this.#gets = new GetHandler(this);
    this.metrics = new Metrics(this);
    this.stats = new RuntimeStats(this);
  }

  /** Leaves the store. */
  close(): void {
    this.stats.close();
    this.#gets.close();
    this.#closing.abort();
  }

  async handle(
    ask: HttpRequest,
    gone?: AbortSignal,
  ): Promise<HttpResponse | EventStream> {
    const slice = this.#timeSlices.of(ask.peer);
    if (slice.isLong) await slice.next();
    const begin = performance.now();
    const work = { begin };
    let noted = begin;
    let endpoint: View | CustomEndpoint | undefined;
    let answer: HttpResponse | EventStream;
    try {
      if (!URL.canParse(ask.url)) throw badRequest("the URL is malformed");
      const { pathname, searchParams } = new URL(ask.url);
      endpoint = this.#byPath.get(pathname.replace(/([^/])\/$/, "$1"));
      const request = { ask, params: searchParams, gone, work };
      const answering = this.#dispatch(endpoint, request);
      // At once: before there is an answer, others of the address may come.
      noted = performance.now();
      slice.spend(noted - begin);
      answer = await answering;
    } catch (error) {
      answer = errorResponse(ask, error);
    }
    if ("status" in answer) {
      const end = performance.now();
      slice.spend(end - Math.max(noted, work.begin));
      const path = endpoint?.paths[0] ?? "unknown";
      this.metrics.observe(path, answer.status, end - work.begin);
    }
    return withHeaders(answer, this.#stalenessHeaders(endpoint));
  }

  /** Headers that say so, when what an answer rests on may be old. */
  #stalenessHeaders(
    endpoint: View | CustomEndpoint | undefined,
  ): Record<string, string> | undefined {
    const watcher = endpoint?.watcher?.(this.cluster);
    if (watcher === undefined) return undefined;
    const [age, file] = [watcher.age(), watcher.saved()];
    const empty = heldBackReason(this.cluster);
    const problems = [...empty ? [empty] : [], ...this.store.status.problems];
    if (file !== undefined) {
      return stalenessHeaders(age, 0, [`from ${file}`, ...problems]);
    }
    if (empty && Number.isFinite(age)) {
      return stalenessHeaders(age, 0, problems);
    }
    if (age <= this.staleAfter || !Number.isFinite(age)) return undefined;
    return stalenessHeaders(age, this.staleAfter, problems);
  }

  #dispatch(
    endpoint: View | CustomEndpoint | undefined,
    request: RequestContext,
  ): HttpResponse | EventStream | Promise<HttpResponse> {
    const { ask, params } = request;
    if (endpoint === undefined) {
      return textResponse("404 not found", STATUS_CODE.NotFound);
    }
    if (ask.method !== "GET" && ask.method !== "HEAD") {
      return textResponse("method not allowed", STATUS_CODE.MethodNotAllowed, {
        Allow: "GET, HEAD",
      });
    }
    if ("respond" in endpoint) {
      return endpoint.respond(this, this.views.query(params, ask.peer), ask);
    }
    return isWatch(params)
      ? this.#watch(endpoint, params, ask)
      : this.#gets.get(endpoint, request);
  }

  watchTogether(
    views: readonly NamedView[],
    params: URLSearchParams,
    ask: HttpRequest,
  ): HttpResponse | EventStream {
    const heartbeat = heartbeatParam(params);
    if (heartbeat === undefined) throw badRequest(BAD_HEARTBEAT);
    const [patch, tag] = [isPatch(params), isTagged(params)];
    if (ask.method === "HEAD") {
      return { status: STATUS_CODE.OK, headers: STREAM_HEADERS, body: null };
    }
    const { peer } = ask;
    const place = this.limits.acquire({
      peer,
      endpoint: "/v2/watch",
      protocol: "http",
      params,
      names: ["view", ...STREAM_PARAMS],
    });
    if (typeof place === "string") throw tooManyListeners(place);
    const { release: giveBack, number } = place;
    const demands = views.map((one) => ({ ...one, peer }));
    const names = views.map(({ name }) => name);
    const since = views.map(({ since }) => since);
    return {
      headers: STREAM_HEADERS,
      options: { heartbeat, patch, tag, names, since, slot: number },
      start: (listener) =>
        runBoth(this.views.subscribeTogether(demands, listener), giveBack),
    };
  }

  #watch(
    view: View,
    params: URLSearchParams,
    ask: HttpRequest,
  ): HttpResponse | EventStream {
    const patch = isPatch(params);
    if (patch && !view.isObject) {
      throw badRequest("patch=merge is for answers that are objects");
    }
    if (ask.method === "HEAD") {
      return { status: STATUS_CODE.OK, headers: STREAM_HEADERS, body: null };
    }
    const { peer } = ask;
    const since = takeEtag(params, view.params);
    const tag = isTagged(params);
    const place = this.limits.acquire(listenerRequest({ view, params, peer }));
    if (typeof place === "string") throw tooManyListeners(place);
    const { release: giveBack } = place;
    const heartbeat = heartbeatParam(params);
    return {
      headers: STREAM_HEADERS,
      options: { heartbeat: heartbeat ?? 0, patch, tag, slot: place.number },
      start: (listener) => {
        if (heartbeat === undefined) {
          listener.fail(BAD_HEARTBEAT, STATUS_CODE.BadRequest);
          return giveBack;
        }
        const demand = { view, params, peer, since };
        const stop = this.views.subscribe(demand, listener);
        return runBoth(stop, giveBack);
      },
    };
  }
}

/** Of its own, to keep nothing of the request alive: there is one for each listener. */
function runBoth(first: () => void, second: () => void): () => void {
  return () => {
    first();
    second();
  };
}

function errorResponse(ask: HttpRequest, error: unknown): HttpResponse {
  if (error instanceof Refusal) return refusalResponse(error);
  if (error instanceof Unavailable) return unavailableResponse(error);
  logFailure(ask, error);
  return textResponse("internal error", STATUS_CODE.InternalServerError);
}

function logFailure({ url }: HttpRequest, error: unknown): void {
  log.error("a request failed", { url, error: errorTrace(error) });
}
