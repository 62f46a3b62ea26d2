import { getLogger } from "@logtape/logtape";
import type { Origin } from "./answer.ts";
import type { Address } from "./port.ts";
import { OriginLink, type ToOrigin, type ToWorker } from "./link.ts";

const log = getLogger(["lainlet", "workers"]);

/** What a worker has to know to serve. */
export interface WorkerSetup {
  readonly type: "setup";
  readonly address: Address;
  readonly counters: SharedArrayBuffer;
  readonly hosts: readonly string[];
  readonly slowAfter: number;
  readonly logFormat: "logfmt" | "json";
  readonly logLevel: "debug" | "info";
}

/** What a worker is told to do with its port: to open it if it has failed, or in any case. */
export type WorkerCommand =
  | { readonly type: "open"; readonly which: "all" | "failed" }
  | { readonly type: "close" };

/** What a worker says of itself. */
export type FromWorker =
  | { readonly type: "listening" | "shut" | "closed" }
  | { readonly type: "failed"; readonly reason: string };

/** Threads that serve connections to the same port, from one origin. */
export class Workers {
  readonly #workers: readonly ServingWorker[];

  /**
   * Starts them.
   *
   * @param count how many
   * @param onShut called when one listens no more
   */
  constructor(
    count: number,
    origin: Origin,
    setup: WorkerSetup,
    onShut: () => void,
  ) {
    this.#workers = Array.from(
      { length: count },
      () => new ServingWorker(origin, setup, onShut),
    );
  }

  /** Resolves when all of them listen. @throws {Error} when one cannot */
  async listening(): Promise<void> {
    await Promise.all(this.#workers.map(({ listening }) => listening.promise));
  }

  /** Lets them listen anew: all, or those that have reported a failure. */
  open(which: "all" | "failed"): void {
    for (const worker of this.#workers) worker.open(which);
  }

  /** Ends all their streams, and waits until they have answered what they were asked. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}

class ServingWorker {
  readonly listening = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #isListening = false;
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), {
    type: "module",
  });

  constructor(origin: Origin, setup: WorkerSetup, onShut: () => void) {
    const link = new OriginLink(origin, (message) => this.#post(message));
    this.#worker.onmessage = (
      { data }: MessageEvent<FromWorker | ToOrigin>,
    ) => {
      switch (data.type) {
        case "listening":
          this.#isListening = true;
          this.listening.resolve();
          break;
        case "shut":
          onShut();
          break;
        case "failed":
          this.listening.reject(new Error(data.reason));
          break;
        case "closed":
          this.#closed.resolve();
          break;
        default:
          link.receive(data);
      }
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const { message } = event;
      // While it starts, whoever waits for it says so.
      if (this.#isListening) log.error("a worker failed", { error: message });
      else this.listening.reject(new Error(`a worker failed: ${message}`));
    };
    this.#post(setup);
  }

  open(which: "all" | "failed"): void {
    this.#post({ type: "open", which });
  }

  async close(): Promise<void> {
    this.#post({ type: "close" });
    await this.#closed.promise;
    this.#worker.terminate();
  }

  #post(message: WorkerSetup | WorkerCommand | ToWorker): void {
    this.#worker.postMessage(message);
  }
}
