import { abortable } from "../../lib/abort.ts";
import * as apis from "../../apis/mod.ts";
import { Lainlet } from "../../lib/http/handler.ts";
import { GrpcServer } from "../../lib/grpc/server.ts";
import { ThreadServer } from "../../lib/http/server.ts";
import { Workers } from "../../lib/http/workers.ts";
import { type LoadedSnapshot, loadState } from "../../lib/store/saved/read.ts";
import { SavedStore } from "../../lib/store/saved/store.ts";
import type { Store } from "../../lib/store/store.ts";
import { Disk } from "./disk.ts";
import type { Features } from "./features.ts";
import type { Sockets } from "./grpc_sockets.ts";
import type { Link } from "./network.ts";
import { comparableBody, HTTP_REQUESTS, LOCAL, viewOf } from "./requests.ts";
import { workersOf } from "./workers.ts";
import { GOLDEN_HOST } from "../util/lainlet.ts";

/** The `--stale.after` of lainlets, in ms. */
export const STALE_AFTER = 30_000;

/** How long data may stay unread, in ms: longer than any story. */
const SLOW_AFTER = 600_000;

/** How long calls may continue after a lainlet was stopped, in ms. */
const SHUTDOWN = 1_000;

/** The file of the saved state, and how often it is written, in ms. */
export const STATE = "state";
const SAVE_TIMES = { every: 3_000, confirmEvery: 15_000 };

/** How often lainlets compare all keys with the store's, in ms. */
export const VERIFY_EVERY = 10_000;

/** How long a difference that only this comparison finds may last, in ms: the store may be unreachable for 20 s of it. */
export const VERIFIED_WITHIN = 45_000;

/** A lainlet that follows a store. */
export function lainletOf(store: Store, historyKeeper?: SavedStore): Lainlet {
  return new Lainlet({
    store,
    host: GOLDEN_HOST,
    version: "",
    endpoints: Object.values(apis),
    auth: true,
    staleAfter: STALE_AFTER,
    limits: { listeners: 1_000, listenersPerAddress: 1_000 },
    historyKeeper,
  });
}

/** The store that a lainlet follows, and its identity. */
export interface OpenedStore {
  readonly kind: string;
  readonly endpoints: readonly string[];
  /** See `Service` in `stores.ts`. */
  readonly maxLossTime?: number;
  open(): Store;
}

/** The parts of a running lainlet. */
interface Running {
  readonly lainlet: Lainlet;
  readonly server: ThreadServer;
  readonly saved?: SavedStore;
  readonly grpc?: GrpcServer;
  readonly workers?: Workers;
}

/** A lainlet without HTTP sockets, addressed by a host name; it can be stopped and restarted. */
export class SimulatedLainlet {
  #running?: Running;
  /** Counts starts. */
  #starts = 0;
  /** When it last served the saved state, in ms. */
  #servedSavedAt = -Infinity;
  /** When that state was saved, in ms. */
  #savedAt = 0;
  readonly #sockets = new Set<Socket>();
  /** The disk of the saved state; undefined: no state is saved. */
  readonly disk?: Disk;
  /** A disk without faults, to read copies of the saved state. */
  readonly inspected: Disk;
  /** Counts HTTP requests: its threads serve them in turn. */
  #requests = 0;
  /** The timer that ends the stopped process. */
  #exit?: ReturnType<typeof setTimeout>;

  constructor(
    readonly name: string,
    readonly links: readonly Link[],
    private readonly store: OpenedStore,
    private readonly sockets: Sockets,
    private readonly features: Features,
  ) {
    if (features.disk) this.disk = new Disk(name);
    this.inspected = new Disk(`${name}-inspected`);
  }

  /**
   * Whether what it sends now may lack a change: a watch lost one, and possibly
   * no check has found that yet. A worker that hung sends what it got before.
   */
  get mayMissChange(): boolean {
    const { maxLossTime } = this.store;
    if (this.servesSaved) {
      // The age of a saved state is measured by a wall clock that faults change: the time of saving is used instead.
      const since = this.#savedAt - VERIFIED_WITHIN;
      return this.links.some(({ lostAt }) => lostAt > since);
    }
    const now = performance.now();
    const hungSince = Math.min(
      ...workersOf(this.name).map((one) => one.hungSince ?? Infinity),
    );
    const sentAt = Math.min(now, hungSince);
    if (maxLossTime !== undefined) {
      const since = sentAt - maxLossTime;
      return this.links.some(({ lostAt }) => lostAt > since);
    }
    const ages = Object.values(this.#running?.lainlet.cluster ?? {})
      .map(({ age }) => age());
    const verifiedAt = sentAt - VERIFIED_WITHIN;
    const confirmedAt = sentAt < now ? verifiedAt : now - Math.max(0, ...ages);
    // A check finds a lost change, unless the check's own replay was lost, too.
    return this.links.some(({ lostAt, losses }) =>
      lostAt > (losses > 1 ? Math.min(confirmedAt, verifiedAt) : confirmedAt)
    );
  }

  /** Whether it serves the last known state because the store lost its data. */
  get isHeldBack(): boolean {
    return Object.values(this.#running?.lainlet.cluster ?? {})
      .some(({ heldBack }) => heldBack !== undefined);
  }

  get isUp(): boolean {
    return this.#running !== undefined;
  }

  /** When it last began to run, in ms. */
  startedAt = 0;

  /** How often it was started or stopped. */
  get starts(): number {
    return this.#starts;
  }

  /** When it last served a saved state, which may be of any age, in ms. */
  get servedSavedAt(): number {
    if (this.servesSaved) this.#servedSavedAt = performance.now();
    return this.#servedSavedAt;
  }

  /** Whether it serves a saved state. */
  get servesSaved(): boolean {
    return Object.values(this.#running?.lainlet.cluster ?? {})
      .some(({ saved }) => saved() !== undefined);
  }

  /** The running lainlet. @throws {Error} when it is down */
  get lainlet(): Lainlet {
    if (this.#running === undefined) throw new Error(`${this.name} is down`);
    return this.#running.lainlet;
  }

  /** Starts it; with a disk, it runs once the saved state was read. */
  start(): void {
    if (this.#running !== undefined) return;
    const start = ++this.#starts;
    this.#end();
    const store = this.store.open();
    if (this.disk === undefined) return this.#run(store);
    this.disk.kill();
    this.#savedAt = this.disk.renamedAt(STATE);
    SavedStore.open(store, this.disk.path(STATE), this.store, SAVE_TIMES)
      .then((saved) => {
        if (start === this.#starts) this.#run(saved, saved);
        else saved.close();
      });
  }

  #run(store: Store, saved?: SavedStore): void {
    const { name } = this;
    const lainlet = lainletOf(store, saved);
    const { counters } = lainlet;
    const common = { counters, hosts: [], slowAfter: SLOW_AFTER };
    const server = new ThreadServer({ ...common, handler: lainlet });
    const address = { hostname: name, port: 9_000, isShared: true };
    const grpc = this.features.grpc
      ? new GrpcServer(address, {
        lainlet,
        slowAfter: SLOW_AFTER,
        descriptors: 1_000,
      })
      : undefined;
    const workers = this.features.workers
      ? new Workers(1, lainlet, counters, {
        ...common,
        type: "setup",
        address,
        counters: counters.buffer,
        logFormat: "logfmt",
        logLevel: "info",
      }, () => {})
      : undefined;
    this.#running = { lainlet, server, saved, grpc, workers };
    this.startedAt = performance.now();
  }

  /** Stops it: its connections are lost; it saves its state, unless it restarts first. */
  stop(): void {
    this.#starts++;
    if (this.#running === undefined) return;
    const { lainlet, server, saved, grpc, workers } = this.#running;
    // Records the time if it served a saved state until now.
    void this.servedSavedAt;
    this.#running = undefined;
    for (const socket of [...this.#sockets]) socket.drop();
    lainlet.close();
    server.close();
    grpc?.close();
    workers?.close();
    saved?.close();
    this.#exit = setTimeout(() => this.#end(), SHUTDOWN);
  }

  /** Ends its process. */
  #end(): void {
    clearTimeout(this.#exit);
    this.sockets.end(this.name);
    for (const worker of workersOf(this.name)) worker.terminate();
  }

  /** Kills its process, or crashes its node, which loses unsynced data. */
  kill(how: "kill" | "crash"): void {
    this.disk?.[how]();
    this.#end();
    this.stop();
  }

  /**
   * Reads its saved state.
   *
   * @returns undefined: there is none, or a fault damaged or replaced it
   * @throws {Error} when it cannot be read
   */
  async readSavedState(): Promise<Map<string, LoadedSnapshot> | undefined> {
    const bytes = this.disk?.read(STATE);
    if (bytes === undefined || !this.disk?.isIntact(STATE)) return undefined;
    this.inspected.put(STATE, bytes);
    const { kind, endpoints } = this.store;
    return await loadState(this.inspected.path(STATE), { kind, endpoints });
  }

  /** Its present responses to a local caller, as comparable text. */
  *responses(): Generator<[requestIndex: number, path: string, text: string]> {
    const { views } = this.lainlet;
    for (const [requestIndex, { path, peer }] of HTTP_REQUESTS.entries()) {
      if (peer !== LOCAL) continue;
      const { body } = views.read({ ...viewOf(path), peer });
      const text = comparableBody(new TextDecoder().decode(body));
      yield [requestIndex, path, text];
    }
  }

  /**
   * Sends it an HTTP request.
   *
   * @param peer the caller's address
   * @throws {TypeError} when it is down, as `fetch` does
   */
  async fetch(
    path: string,
    peer: string,
    init?: RequestInit,
  ): Promise<Response> {
    if (this.#running === undefined) throw new TypeError("connection refused");
    const { server: own } = this.#running;
    const socket = new Socket(() => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    const threads = [undefined, ...workersOf(this.name)];
    const worker = threads[this.#requests++ % threads.length];
    const drop = () => socket.drop();
    for (const signal of [worker?.ended.signal, init?.signal]) {
      signal?.addEventListener("abort", drop);
    }
    const server = worker?.server ?? own;
    const { signal } = socket;
    const url = `http://${this.name}${path}`;
    const handled = server.handle(new Request(url, { ...init, signal }), {
      remoteAddr: { transport: "tcp", hostname: peer, port: 1 },
      completed: worker?.whileAlive(socket.completed) ?? socket.completed,
    });
    const response = Promise.resolve(handled);
    return socket.send(await abortable(response, signal));
  }
}

/** The error of {@linkcode SimulatedLainlet.fetch} when the connection is lost. */
export class ConnectionLost extends TypeError {
  constructor() {
    super("connection reset");
  }
}

/** The connection of one request: it ends with the response, or is lost. */
class Socket {
  readonly #ended = Promise.withResolvers<void>();
  readonly completed = this.#ended.promise;
  #controller?: ReadableStreamDefaultController<Uint8Array>;
  #reader?: ReadableStreamDefaultReader<Uint8Array>;
  readonly #dropped = new AbortController();
  /** Aborts when the connection is lost. */
  readonly signal = this.#dropped.signal;

  constructor(private readonly onEnd: () => void) {}

  /** Sends the response through the connection. @returns the response, as the client receives it */
  send({ body, headers, status }: Response): Response {
    if (body === null) {
      this.#end();
      return new Response(null, { headers, status });
    }
    const reader = this.#reader = body.getReader();
    const received = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (this.#controller === undefined) return;
        if (!done) return controller.enqueue(value);
        controller.close();
        this.#end();
      },
      cancel: () => {
        this.#end();
        return reader.cancel();
      },
    }, { highWaterMark: 0 });
    return new Response(received, { headers, status });
  }

  drop(): void {
    const controller = this.#controller;
    const error = new ConnectionLost();
    this.#end();
    this.#dropped.abort(error);
    this.#reader?.cancel().catch(() => {});
    controller?.error(error);
  }

  #end(): void {
    this.#controller = undefined;
    this.onEnd();
    this.#ended.resolve();
  }
}
