import { getLogger } from "@logtape/logtape";
import type { Counters } from "../stats/counters.ts";
import { backoff } from "../time.ts";
import { type ToMain, WorkerLink } from "./link.ts";
import type { ListenAddress } from "./listener.ts";
import type { RequestHandler } from "./response.ts";

const log = getLogger(["lainlet", "workers"]);

/** A worker that has listened for this long, in ms, restarts without a growing delay. */
const STABLE_AFTER = 60_000;

/** The first message to a worker: what it needs to serve. */
export interface WorkerSetup {
  readonly type: "setup";
  readonly address: ListenAddress;
  readonly counters: SharedArrayBuffer;
  /** Number of the thread, from 1. */
  readonly thread: number;
  readonly hosts: readonly string[];
  readonly slowAfter: number;
  readonly logFormat: "logfmt" | "json";
  readonly logLevel: "debug" | "info";
}

/** Later messages to a worker: open the port (if it has failed, or in any case), answer, close. */
export type WorkerCommand =
  | { readonly type: "open"; readonly which: "all" | "failed" }
  | { readonly type: "ping" }
  | { readonly type: "close" };

/** Messages from a worker about itself. */
export type FromWorker =
  | { readonly type: "listening" | "listener failed" | "pong" | "closed" }
  | { readonly type: "failed"; readonly reason: string };

/** Worker threads that serve connections on one port, for one request handler. */
export class Workers {
  readonly #workers: readonly SupervisedWorker[];

  /**
   * Starts the workers.
   *
   * @param counters those of all threads
   * @param onListenerFailure called when the listener of a worker has failed
   */
  constructor(
    count: number,
    handler: RequestHandler,
    counters: Counters,
    setup: Omit<WorkerSetup, "thread">,
    onListenerFailure: () => void,
  ) {
    this.#workers = Array.from(
      { length: count },
      (_, i) =>
        new SupervisedWorker(
          handler,
          counters,
          // The main thread is number 0.
          { ...setup, thread: i + 1 },
          onListenerFailure,
        ),
    );
  }

  /** Resolves when all workers listen. @throws {Error} if one cannot */
  async ready(): Promise<void> {
    await Promise.all(this.#workers.map(({ ready }) => ready.promise));
  }

  /** Opens the port again: on all workers, or on those whose listener has failed. */
  open(which: "all" | "failed"): void {
    for (const worker of this.#workers) worker.open(which);
  }

  /** Resolves when each worker has answered or died; not while one hangs. */
  async ping(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.ping()));
  }

  /** Ends all streams of the workers; resolves when their requests have been answered. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}

/** A worker thread that is replaced when it dies. */
class SupervisedWorker {
  /** Rejects if the first thread fails before it listens; then it is not replaced. */
  readonly ready = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #pong = Promise.withResolvers<void>();
  #hasListened = false;
  #isClosing = false;
  /** When the current thread began to listen, as `performance.now()`. */
  #listeningSince = Infinity;
  /** Consecutive threads that died before {@linkcode STABLE_AFTER}. */
  #failures = 0;
  #restart?: ReturnType<typeof setTimeout>;
  /** Undefined while the thread is dead. */
  #worker?: Worker;

  constructor(
    private readonly handler: RequestHandler,
    private readonly counters: Counters,
    private readonly setup: WorkerSetup,
    private readonly onListenerFailure: () => void,
  ) {
    this.#start();
  }

  open(which: "all" | "failed"): void {
    this.#post({ type: "open", which });
  }

  async ping(): Promise<void> {
    if (this.#worker === undefined) return;
    this.#pong = Promise.withResolvers();
    this.#post({ type: "ping" });
    await this.#pong.promise;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#restart);
    if (this.#worker === undefined) return;
    this.#post({ type: "close" });
    await this.#closed.promise;
    this.#worker?.terminate();
  }

  #start(): void {
    const worker = this.#worker = new Worker(
      new URL("./worker.ts", import.meta.url),
      { type: "module" },
    );
    const link = new WorkerLink(
      this.handler,
      (message) => worker.postMessage(message),
    );
    const fail = (reason: string) => {
      if (worker !== this.#worker) return;
      this.#worker = undefined;
      worker.terminate();
      this.#pong.resolve();
      link.close();
      this.counters.resetConnections(this.setup.thread);
      this.#onDeath(reason);
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker | ToMain>) => {
      switch (data.type) {
        case "listening":
          this.#listeningSince = performance.now();
          if (this.#hasListened) log.info("a worker was replaced");
          this.#hasListened = true;
          this.ready.resolve();
          break;
        case "listener failed":
          this.onListenerFailure();
          break;
        case "failed":
          fail(data.reason);
          break;
        case "pong":
          this.#pong.resolve();
          break;
        case "closed":
          this.#closed.resolve();
          break;
        default:
          link.receive(data);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(`a worker failed: ${event.message}`);
    };
    this.#post(this.setup);
  }

  #onDeath(reason: string): void {
    if (this.#isClosing) return this.#closed.resolve();
    // The caller of `ready` logs the error.
    if (!this.#hasListened) return this.ready.reject(new Error(reason));
    log.error("a worker died, its connections are lost", { error: reason });
    if (performance.now() - this.#listeningSince > STABLE_AFTER) {
      this.#failures = 0;
    }
    this.#listeningSince = Infinity;
    this.#restart = setTimeout(
      () => this.#start(),
      backoff(this.#failures++),
    );
  }

  #post(message: WorkerSetup | WorkerCommand): void {
    this.#worker?.postMessage(message);
  }
}
