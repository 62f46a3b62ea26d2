import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import { Hosts, isBrowser, isCrossSite } from "../access/hosts.ts";
import { Branch } from "../broadcast/branch.ts";
import { StreamRegistry } from "../broadcast/registry.ts";
import type { Bytes } from "../broadcast/state.ts";
import { forbidden, misdirected } from "../errors.ts";
import { listenAt, probePort } from "../listen.ts";
import type { Counters } from "../stats/counters.ts";
import type {
  EventStream,
  HttpRequest,
  HttpResponse,
} from "../view/custom_endpoint.ts";
import { mayWait } from "./gets.ts";
import type { Lainlet } from "./handler.ts";
import {
  countDescriptors,
  HttpListener,
  type ListenAddress,
  ListenerWatchdog,
  MAX_COUNTED,
  type Serve,
} from "./listener.ts";
import {
  MAX_COPIED,
  refusalResponse,
  type RequestHandler,
  textResponse,
} from "./response.ts";
import { Workers, type WorkerSetup } from "./workers.ts";

const log = getLogger(["lainlet", "http"]);

/** Options of {@linkcode HttpServer}. */
export interface HttpServerOptions
  extends Pick<WorkerSetup, "hosts" | "slowAfter" | "logFormat" | "logLevel"> {
  /** Opens the port on this thread. */
  readonly serve: Serve;
  /** An empty hostname is all addresses, port 0 a free one. */
  readonly web: { readonly hostname: string; readonly port: number };
  /** Number of threads that serve connections. */
  readonly workers: number;
  /** Maximum number of streams. */
  readonly listeners: number;
}

/** Serves a lainlet over HTTP, on this thread and on workers; opens the port again if it closes. */
export class HttpServer {
  readonly #thread: ThreadServer;
  readonly #listener: HttpListener;
  readonly #workers: Workers;
  readonly #watchdog: ListenerWatchdog;

  /** Opens the port on this thread. @throws {Error} if it cannot be opened */
  constructor(lainlet: Lainlet, options: HttpServerOptions) {
    const { serve, web, workers, listeners, ...setup } = options;
    // Counted before anything else opens a descriptor.
    const descriptors = countDescriptors(MAX_COUNTED);
    const { counters } = lainlet;
    this.#thread = new ThreadServer({ ...setup, handler: lainlet, counters });
    const onFailure = () => this.#watchdog.reportFailure();
    const { handle: handler } = this.#thread;
    this.#listener = listenAt(web, (hostname) => {
      const address = { hostname, port: web.port, isShared: workers > 1 };
      const port = probePort(address);
      return new HttpListener(
        { ...address, port },
        { serve, handler, onFailure },
      );
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

  /** Resolves when all threads listen. @throws {Error} if one cannot */
  async ready(): Promise<void> {
    await this.#workers.ready();
    const { hostname, port } = this.address;
    log.info("HTTP is served", { hostname, port });
  }

  /** Resolves when all threads have answered; not while one hangs. */
  ping(): Promise<void> {
    return this.#workers.ping();
  }

  /** Closes the port, ends all streams, and resolves when all requests have been answered. */
  async close(): Promise<void> {
    this.#watchdog.close();
    this.#thread.close();
    await Promise.allSettled([this.#listener.close(), this.#workers.close()]);
  }
}

/** Maximum length of a URL, and of all headers together, in characters. */
const MAX_URL = 8 * 1024;
const MAX_HEADERS = 32 * 1024;

/** Options of {@linkcode ThreadServer}. */
export interface ThreadServerOptions {
  readonly handler: RequestHandler;
  readonly counters: Counters;
  /** Host names that browsers may use, see {@linkcode Hosts}. */
  readonly hosts: Iterable<string>;
  /** How long pending data may stay unread before its stream ends, in ms. */
  readonly slowAfter: number;
  /** How long a stream may be silent before it gets a comment, in ms; default 30 s. */
  readonly idle?: number;
}

/** Serves the responses and event streams of a request handler over HTTP, on one thread. */
export class ThreadServer {
  readonly #streams: StreamRegistry;
  readonly #hosts: Hosts;

  constructor(private readonly options: ThreadServerOptions) {
    this.#hosts = new Hosts(options.hosts);
    this.#streams = new StreamRegistry(options);
  }

  /** Handles one request; the handler for `Deno.serve`. Never throws. */
  readonly handle: Deno.ServeHandler<Deno.NetAddr> = async (request, info) => {
    this.options.counters.add("connections", 1);
    const { method, url, headers } = request;
    const peer = info.remoteAddr.hostname;
    const prefer = headers.get("Prefer");
    const isKnownHost = this.#hosts.include(headers.get("Host"));
    const result = refuseTooLong(request) ??
      refuseBrowser(headers, isKnownHost) ??
      await this.options.handler.handle({
        method,
        url,
        peer,
        isKnownHost,
        accept: headers.get("Accept"),
        acceptEncoding: headers.get("Accept-Encoding"),
        ifNoneMatch: headers.get("If-None-Match"),
        prefer,
        lastEventId: headers.get("Last-Event-ID"),
        // The runtime creates the signal when it is read, which costs time.
      }, mayWait({ url, prefer }) ? request.signal : undefined);
    const [response, stop] = this.#respond(result, { url, peer });
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
    this.#streams.close();
  }

  #onSlow(request: Pick<HttpRequest, "url" | "peer">): void {
    this.options.counters.add("slow", 1);
    log.warn("a listener is too slow, its stream ends", { ...request });
  }

  /** @returns the response, and a function to call when it has been sent or canceled */
  #respond(
    result: HttpResponse | EventStream,
    request: Pick<HttpRequest, "url" | "peer">,
  ): [response: Response, stop: () => void] {
    const { headers } = result;
    if ("start" in result) {
      const branch = new Branch(
        this.#streams,
        result.options,
        () => this.#onSlow(request),
      );
      const stop = result.start(branch);
      return [new Response(branch.stream, { headers }), stop];
    }
    const { status, body } = result;
    if (body instanceof Uint8Array && body.length > MAX_COPIED) {
      const length = { "Content-Length": String(body.length) };
      const init = { status, headers: { ...headers, ...length } };
      return [new Response(sharedBody(body), init), () => {}];
    }
    return [new Response(body, { status, headers }), () => {}];
  }
}

/** Returns a body whose bytes are shared with other responses. */
function sharedBody(bytes: Bytes): ReadableStream<Bytes> {
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  }, { highWaterMark: 0 });
}

/** Refuses a browser whose `Host` is unknown, or whose page belongs to another site. */
function refuseBrowser(
  headers: Headers,
  isKnownHost: boolean,
): HttpResponse | undefined {
  if (!isBrowser(headers)) return;
  if (!isKnownHost) return refusalResponse(misdirected());
  if (isCrossSite(headers)) {
    return refusalResponse(forbidden("cross-site request"));
  }
}

/** Refuses a URL or headers that are too long. */
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
