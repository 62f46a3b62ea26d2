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

/** The maximal delay of a message between threads, in ms; most are shorter. */
const MAX_DELAY = 10;

/** Serving threads, by the lainlet's name. */
const serving = new Map<string, Set<SimulatedWorker>>();

/** Messages in one direction: copies arrive in order, each after a delay. */
class Port<T> {
  readonly #sent: T[] = [];
  isClosed = false;
  /** When the receiving thread last hung, in ms. */
  #busy = { from: 0, until: -Infinity };

  constructor(private readonly receive: (message: T) => void) {}

  post(message: T): void {
    this.#sent.push(structuredClone(message));
    const busy = Math.max(0, this.#busy.until - performance.now());
    setTimeout(
      () => {
        const next = this.#sent.shift();
        if (!this.isClosed && next !== undefined) this.receive(next);
      },
      busy + Math.floor(Math.random() ** 4 * MAX_DELAY),
    );
  }

  hang(ms: number): void {
    const from = performance.now();
    this.#busy = { from, until: from + ms };
  }

  /** When it began to hang, in ms, if messages from then on may arrive now. */
  get hungSince(): number | undefined {
    const { from, until } = this.#busy;
    return performance.now() <= until + MAX_DELAY ? from : undefined;
  }
}

/** Works as `lib/http/worker.ts`, but in the same thread and without a network port. */
class SimulatedWorker {
  onmessage?: (event: { data: FromWorker | ToMain }) => void;
  onerror?: (event: { message: string; preventDefault(): void }) => void;
  server?: ThreadServer;
  #name = "";
  /** Aborted when it is terminated: its connections end. */
  readonly ended = new AbortController();
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
    this.ended.abort();
    this.server?.close();
  }

  /** Resolves with the event; never, if the worker dies before. */
  whileAlive(event: Promise<void>): Promise<void> {
    const { signal } = this.ended;
    return new Promise((resolve) =>
      event.then(() => {
        if (!signal.aborted) resolve();
      })
    );
  }

  /** Dies of an uncaught error. */
  die(): void {
    this.onerror?.({ message: "it died", preventDefault() {} });
  }

  /** Processes no message for a while. */
  hang(ms: number): void {
    this.#in.hang(ms);
  }

  /** See {@linkcode Port.hungSince}. */
  get hungSince(): number | undefined {
    return this.#in.hungSince;
  }

  /** The setup is not copied, as its counters are shared memory. */
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

/** The running workers of a lainlet. */
export function workersOf(name: string): SimulatedWorker[] {
  return [...serving.get(name) ?? []];
}

/** Replaces `Worker` by simulated workers. @returns restores it */
export function simulateWorkers(): () => void {
  serving.clear();
  Object.assign(globalThis, { Worker: SimulatedWorker });
  return () => void Object.assign(globalThis, REAL);
}
