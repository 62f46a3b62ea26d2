import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import {
  type Origin,
  refused,
  staleness,
  text,
  unavailable,
  withHeaders,
} from "./response.ts";
import { traceOf } from "../log.ts";
import { type Cluster, followCluster, type Host } from "../watcher/cluster.ts";
import { Counters } from "../stats/counters.ts";
import { badRequest, Refusal, Unavailable } from "../errors.ts";
import { Limits, type LimitsOptions } from "./limits.ts";
import { History } from "../overview/history.ts";
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
import { askedOf, noPlace, Reads, type Request } from "./reads.ts";
import { Rights } from "../access/rights.ts";
import { TimeSlices } from "../time_slice.ts";
import type { Store } from "../store/store.ts";
import type { View } from "../view/view.ts";
import { Views } from "../view/views.ts";
import { whyHeldBack } from "../stats/readiness.ts";
import { Vitals } from "../stats/stats.ts";

const log = getLogger(["lainlet", "origin"]);

const BAD_HEARTBEAT = "heartbeat must be a whole number of seconds";

/**
 * Headers of a stream: proxies are to pass on each event as it comes. HAProxy
 * compresses what `no-transform` (RFC 9111, 5.2.2.6) does not forbid, and holds
 * back the end of an event until the next one; nginx obeys the last one.
 */
const STREAM = {
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
export class Lainlet implements Origin, EndpointContext {
  readonly cluster: Cluster;
  readonly counters: Counters;
  readonly history: History;
  readonly host: Host;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly rights: Rights;
  readonly store: Store;
  readonly version: string;
  readonly views: Views;
  readonly vitals: Vitals;
  readonly staleAfter: number;
  readonly endpoints: readonly (View | CustomEndpoint)[];
  readonly #byPath = new Map<string, View | CustomEndpoint>();
  readonly #closing = new AbortController();
  readonly #reads: Reads;
  readonly #slices = new TimeSlices();

  constructor(options: LainletOptions) {
    this.store = options.store;
    this.host = options.host;
    this.version = options.version;
    this.staleAfter = options.staleAfter;
    this.counters = Counters.of(options.limits.listeners);
    this.limits = new Limits(options.limits, this.counters.places);
    this.cluster = followCluster(options.store, this.#closing.signal);
    this.rights = new Rights(this.cluster, options.host, options.auth);
    this.history = new History(this.cluster);
    this.endpoints = options.endpoints;
    for (const endpoint of this.endpoints) {
      for (const path of endpoint.paths) this.#byPath.set(path, endpoint);
    }
    this.views = new Views(this, this.rights);
    this.#reads = new Reads(this);
    this.metrics = new Metrics(this);
    this.vitals = new Vitals(this);
  }

  /** Leaves the store. */
  close(): void {
    this.vitals.close();
    this.#reads.close();
    this.#closing.abort();
  }

  async answer(
    ask: HttpRequest,
    gone?: AbortSignal,
  ): Promise<HttpResponse | EventStream> {
    const slice = this.#slices.of(ask.peer);
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
      const answering = this.#answer(endpoint, request);
      // At once: before there is an answer, others of the address may come.
      noted = performance.now();
      slice.spend(noted - begin);
      answer = await answering;
    } catch (error) {
      answer = failure(ask, error);
    }
    if ("status" in answer) {
      const end = performance.now();
      slice.spend(end - Math.max(noted, work.begin));
      const path = endpoint?.paths[0] ?? "unknown";
      this.metrics.observe(path, answer.status, end - work.begin);
    }
    return withHeaders(answer, this.#staleness(endpoint));
  }

  /** Headers that say so, when what an answer rests on may be old. */
  #staleness(
    endpoint: View | CustomEndpoint | undefined,
  ): Record<string, string> | undefined {
    const watcher = endpoint?.watcher?.(this.cluster);
    if (watcher === undefined) return undefined;
    const [age, file] = [watcher.age(), watcher.saved()];
    const empty = whyHeldBack(this.cluster);
    const problems = [...empty ? [empty] : [], ...this.store.status.problems];
    if (file !== undefined) {
      return staleness(age, 0, [`from ${file}`, ...problems]);
    }
    if (empty && Number.isFinite(age)) return staleness(age, 0, problems);
    if (age <= this.staleAfter || !Number.isFinite(age)) return undefined;
    return staleness(age, this.staleAfter, problems);
  }

  #answer(
    endpoint: View | CustomEndpoint | undefined,
    request: Request,
  ): HttpResponse | EventStream | Promise<HttpResponse> {
    const { ask, params } = request;
    if (endpoint === undefined) {
      return text("404 not found", STATUS_CODE.NotFound);
    }
    if (ask.method !== "GET" && ask.method !== "HEAD") {
      return text("method not allowed", STATUS_CODE.MethodNotAllowed, {
        Allow: "GET, HEAD",
      });
    }
    if ("respond" in endpoint) {
      return endpoint.respond(this, this.views.query(params, ask.peer), ask);
    }
    return isWatch(params)
      ? this.#watch(endpoint, params, ask)
      : this.#reads.get(endpoint, request);
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
      return { status: STATUS_CODE.OK, headers: STREAM, body: null };
    }
    const { peer } = ask;
    const place = this.limits.take({
      peer,
      endpoint: "/v2/watch",
      protocol: "http",
      params,
      names: ["view", ...STREAM_PARAMS],
    });
    if (typeof place === "string") throw noPlace(place);
    const { giveBack, number } = place;
    const demands = views.map((one) => ({ ...one, peer }));
    const names = views.map(({ name }) => name);
    const since = views.map(({ since }) => since);
    return {
      headers: STREAM,
      options: { heartbeat, patch, tag, names, since, slot: number },
      start: (listener) =>
        both(this.views.subscribeTogether(demands, listener), giveBack),
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
      return { status: STATUS_CODE.OK, headers: STREAM, body: null };
    }
    const { peer } = ask;
    const since = takeEtag(params, view.params);
    const tag = isTagged(params);
    const place = this.limits.take(askedOf({ view, params, peer }));
    if (typeof place === "string") throw noPlace(place);
    const { giveBack } = place;
    const heartbeat = heartbeatParam(params);
    return {
      headers: STREAM,
      options: { heartbeat: heartbeat ?? 0, patch, tag, slot: place.number },
      start: (listener) => {
        if (heartbeat === undefined) {
          listener.fail(BAD_HEARTBEAT, STATUS_CODE.BadRequest);
          return giveBack;
        }
        const demand = { view, params, peer, since };
        const stop = this.views.subscribe(demand, listener);
        return both(stop, giveBack);
      },
    };
  }
}

/** Of its own, to keep nothing of the request alive: there is one for each listener. */
function both(first: () => void, second: () => void): () => void {
  return () => {
    first();
    second();
  };
}

function failure(ask: HttpRequest, error: unknown): HttpResponse {
  if (error instanceof Refusal) return refused(error);
  if (error instanceof Unavailable) return unavailable(error);
  logFailure(ask, error);
  return text("internal error", STATUS_CODE.InternalServerError);
}

function logFailure({ url }: HttpRequest, error: unknown): void {
  log.error("a request failed", { url, error: traceOf(error) });
}
