import { getLogger } from "@logtape/logtape";
import { Workers, type WorkerSetup } from "./workers.ts";
import {
  countDescriptors,
  HttpListener,
  type ListenAddress,
  ListenerWatchdog,
  MAX_COUNTED,
  probePort,
} from "./listener.ts";
import type { Lainlet } from "./handler.ts";
import { listenAt } from "../listen.ts";
import { STATUS_CODE } from "@std/http/status";
import type {
  EventStream,
  HttpRequest,
  HttpResponse,
} from "../view/custom_endpoint.ts";
import {
  refusalResponse,
  type RequestHandler,
  textResponse,
} from "./response.ts";
import { Hosts, isBrowser, isCrossSite } from "../access/hosts.ts";
import { Branch } from "../broadcast/branch.ts";
import { StreamRegistry } from "../broadcast/registry.ts";
import { forbidden, misdirected } from "../errors.ts";
import type { Counters } from "../stats/counters.ts";
import { mayWait } from "./waits.ts";

const log = getLogger(["lainlet", "http"]);

/** Where and how a lainlet is served by HTTP. */
export interface HttpServerOptions
  extends Pick<WorkerSetup, "hosts" | "slowAfter" | "logFormat" | "logLevel"> {
  /** "" is every address, port 0 a free one. */
  readonly web: { readonly hostname: string; readonly port: number };
  /** Threads that serve connections. */
  readonly workers: number;
  /** As many streams there may be. */
  readonly listeners: number;
}

/** Serves a lainlet by HTTP: on this thread and on workers, and again when the port was closed. */
export class HttpServer {
  readonly #thread: ThreadServer;
  readonly #listener: HttpListener;
  readonly #workers: Workers;
  readonly #watchdog: ListenerWatchdog;

  /** Listens, on this thread. @throws {Error} that says why not */
  constructor(lainlet: Lainlet, options: HttpServerOptions) {
    const { web, workers, listeners, ...setup } = options;
    // Before anything else needs one.
    const descriptors = countDescriptors(MAX_COUNTED);
    const { counters } = lainlet;
    this.#thread = new ThreadServer({ ...setup, handler: lainlet, counters });
    const onFailure = () => this.#watchdog.reportFailure();
    const { handle: handler } = this.#thread;
    this.#listener = listenAt(web, (hostname) => {
      const address = { hostname, port: web.port, isShared: workers > 1 };
      // With a port to be shared, the system would not tell that another process has it.
      const port = probePort(address);
      return new HttpListener({ ...address, port }, { handler, onFailure });
    });
    this.#workers = new Workers(workers - 1, lainlet, counters, {
      ...setup,
      type: "setup",
      address: this.address,
      counters: counters.buffer,
    }, onFailure);
    this.#watchdog = new ListenerWatchdog({
      listener: this.#listener,
      counters,
      descriptors,
      listeners,
      openOthers: (which) => this.#workers.open(which),
    });
  }

  get address(): ListenAddress {
    return this.#listener.address;
  }

  /** Resolves when all threads listen. @throws {Error} when one cannot */
  async ready(): Promise<void> {
    await this.#workers.ready();
    const { hostname, port } = this.address;
    log.info("HTTP is served", { hostname, port });
  }

  /** Resolves when all threads have answered: one that hangs does not. */
  ping(): Promise<void> {
    return this.#workers.ping();
  }

  /** Listens no more, ends all streams, and waits until all requests are answered. */
  async close(): Promise<void> {
    this.#watchdog.close();
    this.#thread.close();
    await Promise.allSettled([this.#listener.close(), this.#workers.close()]);
  }
}

/** The longest URL that is looked at, and the most of headers, in characters. */
const MAX_URL = 8 * 1024;
const MAX_HEADERS = 32 * 1024;

/** What a server serves, and how long it has patience. */
export interface ThreadServerOptions {
  readonly handler: RequestHandler;
  readonly counters: Counters;
  /** Names by which browsers may ask, see {@linkcode Hosts}. */
  readonly hosts: Iterable<string>;
  /** How long a reader may leave alone what is there for it, in ms. */
  readonly slowAfter: number;
  /** How long a stream may carry nothing before it gets a comment, in ms; default 30 s. */
  readonly idle?: number;
}

/** Serves an origin's answers and feeds over HTTP, on one thread. */
export class ThreadServer {
  readonly #branches: StreamRegistry;
  readonly #hosts: Hosts;

  constructor(private readonly options: ThreadServerOptions) {
    this.#hosts = new Hosts(options.hosts);
    this.#branches = new StreamRegistry(options);
  }

  /** Answers one request; the handler for `Deno.serve`. Never throws. */
  readonly handle: Deno.ServeHandler<Deno.NetAddr> = async (request, info) => {
    this.options.counters.add("connections", 1);
    const { method, url, headers } = request;
    const peer = info.remoteAddr.hostname;
    const prefer = headers.get("Prefer");
    const isNamed = this.#hosts.include(headers.get("Host"));
    const answer = refuseTooLong(request) ?? refuseBrowser(headers, isNamed) ??
      await this.options.handler.handle({
        method,
        url,
        peer,
        isNamed,
        accept: headers.get("Accept"),
        acceptEncoding: headers.get("Accept-Encoding"),
        ifNoneMatch: headers.get("If-None-Match"),
        prefer,
        lastEventId: headers.get("Last-Event-ID"),
      }, mayWait({ url, prefer }) ? request.signal : undefined);
    const [response, stop] = this.#respond(answer, { url, peer });
    const { status } = response;
    const done = () => {
      this.options.counters.add("connections", -1);
      stop();
      log.debug("a request is done", { method, url, peer, status });
    };
    info.completed.then(done, done);
    return response;
  };

  /** Ends all streams. */
  close(): void {
    this.#branches.close();
  }

  #onSlow(request: Pick<HttpRequest, "url" | "peer">): void {
    this.options.counters.add("slow", 1);
    log.warn("a listener is too slow, its stream ends", { ...request });
  }

  /** @returns the response, and what is to be called when it is over */
  #respond(
    answer: HttpResponse | EventStream,
    request: Pick<HttpRequest, "url" | "peer">,
  ): [response: Response, stop: () => void] {
    const { headers } = answer;
    if ("start" in answer) {
      const branch = new Branch(
        this.#branches,
        answer.options,
        () => this.#onSlow(request),
      );
      const stop = answer.start(branch);
      return [new Response(branch.stream, { headers }), stop];
    }
    const { status, body } = answer;
    return [new Response(body, { status, headers }), () => {}];
  }
}

/** The answer to a browser that asks for a page of somebody else's. */
function refuseBrowser(
  headers: Headers,
  isNamed: boolean,
): HttpResponse | undefined {
  if (!isBrowser(headers)) return;
  if (!isNamed) return refusalResponse(misdirected());
  if (isCrossSite(headers)) {
    return refusalResponse(forbidden("cross-site request"));
  }
}

/** The answer to a request that asks in too many words. */
function refuseTooLong({ url, headers }: Request): HttpResponse | undefined {
  if (url.length > MAX_URL) {
    return textResponse("the URL is too long", STATUS_CODE.URITooLong);
  }
  let length = 0;
  for (const [name, value] of headers) length += name.length + value.length;
  if (length > MAX_HEADERS) {
    return textResponse(
      "the headers are too long",
      STATUS_CODE.RequestHeaderFieldsTooLarge,
    );
  }
}
