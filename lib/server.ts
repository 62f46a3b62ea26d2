import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import { json, markStale, text, unavailable } from "./answer.ts";
import { Broadcast } from "./broadcast/broadcast.ts";
import { type Cluster, followCluster, type Host } from "./cluster.ts";
import {
  badRequest,
  forbidden,
  NO_PERMISSION,
  NOT_READ_YET,
  Refusal,
  SUPER_REQUIRED,
  Unavailable,
} from "./errors.ts";
import type { Page, Service } from "./page.ts";
import { type Right, Rights } from "./rights.ts";
import type { Store } from "./store/store.ts";
import type { Query, View } from "./view.ts";

const log = getLogger(["lainlet", "server"]);

const BAD_HEARTBEAT = "heartbeat must be a whole number of seconds";

/** What a lainlet serves, and to whom. */
export interface LainletOptions {
  readonly store: Store;
  readonly host: Host;
  readonly version: string;
  readonly endpoints: readonly (View | Page)[];
  /** Check who may ask what. */
  readonly auth: boolean;
  /** The age from which on the state counts as stale, in ms. */
  readonly staleAfter: number;
  /** How long a stream may carry nothing before it gets a comment, in ms; default 30 s. */
  readonly idle?: number;
}

/** The state of a cluster, served over HTTP. */
export class Lainlet implements Service {
  readonly broadcast: Broadcast;
  readonly cluster: Cluster;
  readonly host: Host;
  readonly rights: Rights;
  readonly store: Store;
  readonly version: string;
  readonly staleAfter: number;
  readonly #endpoints = new Map<string, View | Page>();
  readonly #closing = new AbortController();
  #connections = 0;

  constructor(options: LainletOptions) {
    this.store = options.store;
    this.host = options.host;
    this.version = options.version;
    this.staleAfter = options.staleAfter;
    this.cluster = followCluster(options.store, this.#closing.signal);
    this.rights = new Rights(this.cluster, options.host, options.auth);
    this.broadcast = new Broadcast(options.idle);
    for (const endpoint of options.endpoints) {
      for (const path of endpoint.paths) this.#endpoints.set(path, endpoint);
    }
  }

  get connections(): number {
    return this.#connections;
  }

  /** Answers one request; the handler for `Deno.serve`. Never throws. */
  readonly handle: Deno.ServeHandler<Deno.NetAddr> = async (request, info) => {
    this.#connections++;
    const { method, url } = request;
    const peer = info.remoteAddr.hostname;
    const response = await this.#answer(request, peer);
    const done = () => {
      this.#connections--;
      log.debug("a request is done", {
        method,
        url,
        peer,
        status: response.status,
      });
    };
    info.completed.then(done, done);
    return response;
  };

  /** Ends all streams, and leaves the store. */
  close(): void {
    this.#closing.abort();
    this.broadcast.close();
  }

  async #answer(request: Request, peer: string): Promise<Response> {
    let endpoint: View | Page | undefined;
    let response: Response;
    try {
      if (!URL.canParse(request.url)) throw badRequest("the URL is malformed");
      const url = new URL(request.url);
      endpoint = this.#endpoints.get(url.pathname.replace(/(.)\/$/, "$1"));
      response = await this.#respond(endpoint, url, request, peer);
    } catch (error) {
      response = this.#failure(request, error);
    }
    const age = endpoint?.watcher?.(this.cluster).age() ?? 0;
    if (age > this.staleAfter && Number.isFinite(age)) {
      const { problems } = this.store.status;
      markStale(response, age, this.staleAfter, problems);
    }
    return response;
  }

  #failure(request: Request, error: unknown): Response {
    if (error instanceof Refusal) return text(error.message, error.status);
    if (error instanceof Unavailable) return unavailable(error.message);
    logFailure(request, error);
    return text("internal error", STATUS_CODE.InternalServerError);
  }

  #respond(
    endpoint: View | Page | undefined,
    { searchParams: params }: URL,
    request: Request,
    peer: string,
  ): Response | Promise<Response> {
    if (endpoint === undefined) {
      return text("404 not found", STATUS_CODE.NotFound);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return text("method not allowed", STATUS_CODE.MethodNotAllowed, {
        Allow: "GET, HEAD",
      });
    }
    if ("respond" in endpoint) {
      return endpoint.respond(this, this.#query(params, peer), request);
    }
    return isWatch(params)
      ? this.#watch(endpoint, params, peer, request)
      : this.#get(endpoint, params, peer, request);
  }

  #query(params: URLSearchParams, peer: string): Query {
    return { params, caller: this.rights.caller(peer), host: this.host };
  }

  #get(
    view: View,
    params: URLSearchParams,
    peer: string,
    request: Request,
  ): Promise<Response> {
    if (heartbeatOf(params) === undefined) throw badRequest(BAD_HEARTBEAT);
    if (!this.#isReady(view, peer)) throw new Unavailable(NOT_READ_YET);
    const selection = view.select(this.#query(params, peer));
    const source = view.source(this.cluster, this.host, selection);
    const state = this.broadcast.latest(source);
    if (state instanceof Unavailable) throw state;
    return json(request, state);
  }

  #watch(
    view: View,
    params: URLSearchParams,
    peer: string,
    request: Request,
  ): Response {
    const headers = {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache",
      "X-Accel-Buffering": "no",
    };
    if (request.method === "HEAD") return new Response(null, { headers });
    const heartbeat = heartbeatOf(params);
    let unsubscribe = () => {};
    const branch = this.broadcast.open(heartbeat ?? 0, () => unsubscribe());
    const start = () => {
      if (!branch.isOpen) return;
      try {
        const selection = view.select(this.#query(params, peer));
        const { right } = selection;
        unsubscribe = this.rights.subscribe(peer, () => {
          if (!this.rights.caller(peer).may(right)) {
            branch.fail(lacking(right).message);
          }
        });
        const source = view.source(this.cluster, this.host, selection);
        this.broadcast.attach(branch, source);
      } catch (error) {
        if (!(error instanceof Refusal)) logFailure(request, error);
        branch.fail(
          error instanceof Refusal ? error.message : "internal error",
        );
      }
    };
    if (heartbeat === undefined) branch.fail(BAD_HEARTBEAT);
    else if (this.#isReady(view, peer)) start();
    else this.#ready(view, peer).then(start);
    return new Response(branch.stream, { headers });
  }

  #isReady(view: View, peer: string): boolean {
    return view.watcher(this.cluster).isSynced && this.rights.isReadyFor(peer);
  }

  async #ready(view: View, peer: string): Promise<void> {
    await view.watcher(this.cluster).synced;
    if (!this.rights.isReadyFor(peer)) await this.rights.synced;
  }
}

/** Whether a watch is asked for. @throws {Refusal} when that is not clear */
function isWatch(params: URLSearchParams): boolean {
  switch (params.get("watch") ?? "") {
    case "1":
    case "true":
      return true;
    case "":
    case "0":
    case "false":
      return false;
    default:
      throw badRequest("watch must be 1, true, 0 or false");
  }
}

/** Seconds between heartbeats, 0 for none; undefined when malformed. */
function heartbeatOf(params: URLSearchParams): number | undefined {
  const text = params.get("heartbeat") ?? "";
  if (text === "") return 0;
  const seconds = Number(text);
  // Timers count milliseconds in 31 bits.
  return /^\d+$/.test(text) && seconds <= 2_000_000 ? seconds : undefined;
}

function lacking(right: Right): Refusal {
  return forbidden(right.kind === "super" ? SUPER_REQUIRED : NO_PERMISSION);
}

function logFailure(request: Request, error: unknown): void {
  log.error("a request failed", {
    url: request.url,
    error: error instanceof Error ? error.stack : String(error),
  });
}
