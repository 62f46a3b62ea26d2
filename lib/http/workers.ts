import { getLogger } from "@logtape/logtape";
import { backoff } from "../time.ts";
import type { Counters } from "../stats/counters.ts";
import type { RequestHandler } from "./response.ts";
import { type ToMain, WorkerLink } from "./link.ts";
import type { ListenAddress } from "./listener.ts";

const log = getLogger(["lainlet", "workers"]);

/** How long a worker must have listened for its death to be another matter than the one before, in ms. */
const STABLE_AFTER = 60_000;

/** What a worker has to know to serve. */
export interface WorkerSetup {
  readonly type: "setup";
  readonly address: ListenAddress;
  readonly counters: SharedArrayBuffer;
  /** Its number, from 1. */
  readonly thread: number;
  readonly hosts: readonly string[];
  readonly slowAfter: number;
  readonly logFormat: "logfmt" | "json";
  readonly logLevel: "debug" | "info";
}

/** What a worker is told: to open its port if it has failed, or in any case; to answer; to end. */
export type WorkerCommand =
  | { readonly type: "open"; readonly which: "all" | "failed" }
  | { readonly type: "ping" }
  | { readonly type: "close" };

/** What a worker says of itself. */
export type FromWorker =
  | { readonly type: "listening" | "shut" | "pong" | "closed" }
  | { readonly type: "failed"; readonly reason: string };

/** What all workers have to know. */
type CommonSetup = Omit<WorkerSetup, "thread">;

/** Threads that serve connections to the same port, from one origin. */
export class Workers {
  readonly #workers: readonly SupervisedWorker[];

  /**
   * Starts them.
   *
   * @param count how many
   * @param counters those of all threads
   * @param onShut called when one listens no more
   */
  constructor(
    count: number,
    origin: RequestHandler,
    counters: Counters,
    setup: CommonSetup,
    onShut: () => void,
  ) {
    this.#workers = Array.from(
      { length: count },
      // This thread is the first one.
      (_, i) =>
        new SupervisedWorker(
          origin,
          counters,
          { ...setup, thread: i + 1 },
          onShut,
        ),
    );
  }

  /** Resolves when all of them listen. @throws {Error} when one cannot */
  async ready(): Promise<void> {
    await Promise.all(
      this.#workers.map(({ firstReady: listening }) => listening.promise),
    );
  }

  /** Lets them listen anew: all, or those that have reported a failure. */
  open(which: "all" | "failed"): void {
    for (const worker of this.#workers) worker.open(which);
  }

  /** Resolves when each of them has answered, or has failed: one that hangs does neither. */
  async ping(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.ping()));
  }

  /** Ends all their streams, and waits until they have answered what they were asked. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}

/** A thread that serves connections; when it dies, another one takes its place. */
class SupervisedWorker {
  /** Rejected when the first thread fails before it listens: then none takes its place. */
  readonly firstReady = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  /** The answer of the present thread. */
  #pong = Promise.withResolvers<void>();
  #hasListened = false;
  #isClosing = false;
  /** When the present thread began to listen, as `performance.now()`. */
  #since = Infinity;
  /** Threads that died soon, in a row. */
  #failures = 0;
  #restart?: ReturnType<typeof setTimeout>;
  /** Undefined: it died. */
  #worker?: Worker;

  constructor(
    private readonly origin: RequestHandler,
    private readonly counters: Counters,
    private readonly setup: WorkerSetup,
    private readonly onShut: () => void,
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
      this.origin,
      (message) => worker.postMessage(message),
    );
    const lose = (reason: string) => {
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
          this.#since = performance.now();
          if (this.#hasListened) log.info("a worker has taken its place");
          this.#hasListened = true;
          this.firstReady.resolve();
          break;
        case "shut":
          this.onShut();
          break;
        case "failed":
          lose(data.reason);
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
      lose(`a worker failed: ${event.message}`);
    };
    this.#post(this.setup);
  }

  #onDeath(reason: string): void {
    if (this.#isClosing) return this.#closed.resolve();
    // Whoever waits for the first one says so.
    if (!this.#hasListened) return this.firstReady.reject(new Error(reason));
    log.error("a worker died, its connections are lost", { error: reason });
    if (performance.now() - this.#since > STABLE_AFTER) this.#failures = 0;
    this.#since = Infinity;
    this.#restart = setTimeout(
      () => this.#start(),
      backoff(this.#failures++),
    );
  }

  #post(message: WorkerSetup | WorkerCommand): void {
    this.#worker?.postMessage(message);
  }
}
