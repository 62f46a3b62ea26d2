import {
  RemoteHandler,
  type ToMain,
  type ToWorker,
} from "../../lib/http/link.ts";
import { ThreadServer } from "../../lib/http/server.ts";
import type {
  FromWorker,
  WorkerCommand,
  WorkerSetup,
} from "../../lib/http/workers.ts";
import { Counters } from "../../lib/stats/counters.ts";

const REAL = { Worker: globalThis.Worker };

/** How long a message takes to the other thread at most, mostly less, in ms. */
const LONGEST = 10;

/** Threads that serve, by the lainlet's name. */
const serving = new Map<string, Set<SimulatedWorker>>();

/** Messages in one direction: they arrive in order, each after a delay, as copies. */
class Port<T> {
  readonly #sent: T[] = [];
  isClosed = false;
  /** When the thread that they go to does something again, in ms. */
  busyUntil = 0;

  constructor(private readonly receive: (message: T) => void) {}

  post(message: T): void {
    this.#sent.push(structuredClone(message));
    const busy = Math.max(0, this.busyUntil - performance.now());
    setTimeout(
      () => {
        const next = this.#sent.shift();
        if (!this.isClosed && next !== undefined) this.receive(next);
      },
      busy + Math.floor(Math.random() ** 4 * LONGEST),
    );
  }
}

/** Does what `lib/http/worker.ts` does, in the same thread and without a port. */
class SimulatedWorker {
  onmessage?: (event: { data: FromWorker | ToMain }) => void;
  onerror?: (event: { message: string; preventDefault(): void }) => void;
  server?: ThreadServer;
  #name = "";
  /** What its connections end with. */
  readonly over = new AbortController();
  readonly #out = new Port<FromWorker | ToMain>((data) =>
    this.onmessage?.({ data })
  );
  readonly #in = new Port<ToWorker | WorkerCommand>((message) =>
    this.#receive(message)
  );
  readonly #handler = new RemoteHandler((message) => this.#out.post(message));

  postMessage(message: WorkerSetup | WorkerCommand | ToWorker): void {
    if (message.type === "setup") this.#serve(message);
    else this.#in.post(message);
  }

  terminate(): void {
    this.#in.isClosed = this.#out.isClosed = true;
    serving.get(this.#name)?.delete(this);
    this.over.abort();
    this.server?.close();
  }

  /** What it hears of, unless it has died before. */
  whileAlive(event: Promise<void>): Promise<void> {
    const { signal } = this.over;
    return new Promise((resolve) =>
      event.then(() => {
        if (!signal.aborted) resolve();
      })
    );
  }

  /** It dies of an error that nothing caught. */
  die(): void {
    this.onerror?.({ message: "it died", preventDefault() {} });
  }

  /** It does nothing for a while. */
  hang(ms: number): void {
    this.#in.busyUntil = performance.now() + ms;
  }

  /** The counters may be shared: the setup is no copy. */
  #serve({ address, counters, thread, hosts, slowAfter }: WorkerSetup): void {
    this.server = new ThreadServer({
      handler: this.#handler,
      counters: new Counters(counters, thread),
      hosts,
      slowAfter,
    });
    this.#name = address.hostname;
    const others = serving.get(this.#name) ?? new Set();
    serving.set(this.#name, others.add(this));
    this.#out.post({ type: "listening" });
  }

  #receive(message: ToWorker | WorkerCommand): void {
    switch (message.type) {
      case "close":
        this.server?.close();
        return this.#out.post({ type: "closed" });
      case "ping":
        return this.#out.post({ type: "pong" });
      case "open":
        return;
      default:
        this.#handler.receive(message);
    }
  }
}

/** The workers of a lainlet that serve at present. */
export function workersOf(name: string): SimulatedWorker[] {
  return [...serving.get(name) ?? []];
}

/** Lets `new Worker` make simulated ones. @returns ends that */
export function simulateWorkers(): () => void {
  serving.clear();
  Object.assign(globalThis, { Worker: SimulatedWorker });
  return () => void Object.assign(globalThis, REAL);
}
