import { assert } from "@std/assert";
import { HttpServer } from "../../../lib/http/server.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { get, Stream } from "../../util/client.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { DIE } from "../../fixtures/mortal_worker.ts";
import { becomes, eventually, socketsAt } from "../../util/process.ts";

const KEY = "/lain/config/a";
const WORKERS = 3;
const STREAMS = 30;
const POLLS = 15;

/** Replaces workers by ones that can be killed. */
class MortalWorkers implements Disposable {
  readonly made: Worker[] = [];
  readonly #real = globalThis.Worker;

  constructor() {
    const { made } = this;
    globalThis.Worker = class extends this.#real {
      constructor(_url: string | URL, options?: WorkerOptions) {
        const url = new URL("../../fixtures/mortal_worker.ts", import.meta.url);
        super(url, options);
        made.push(this);
      }
    };
  }

  /** Kills a worker. Resolves when it is dead. */
  kill(number: number): Promise<unknown> {
    const worker = this.made[number];
    const dead = new Promise((resolve) =>
      worker?.addEventListener("error", resolve, { once: true })
    );
    worker?.postMessage(DIE);
    return dead;
  }

  /** Blocks a worker. @returns unblocks it */
  hang(number: number): () => void {
    const cell = new Int32Array(new SharedArrayBuffer(4));
    this.made[number]?.postMessage(cell);
    return () => {
      Atomics.store(cell, 0, 1);
      Atomics.notify(cell, 0);
    };
  }

  [Symbol.dispose](): void {
    globalThis.Worker = this.#real;
  }
}

async function serve() {
  const stack = new AsyncDisposableStack();
  const mortals = stack.use(new MortalWorkers());
  const store = new MemoryStore([[KEY, "0"]]);
  const { lainlet } = await stack.use(new TestLainlet(store)).ready();
  const server = new HttpServer(lainlet, {
    serve: (options, handler) => Deno.serve(options, handler),
    web: { hostname: "127.0.0.1", port: 0 },
    workers: WORKERS,
    listeners: 100,
    hosts: [],
    slowAfter: 60_000,
    logFormat: "logfmt",
    logLevel: "info",
  });
  stack.defer(() => server.close());
  await server.ready();
  const url = `http://127.0.0.1:${server.address.port}/v2/configwatcher`;
  return {
    ...{ server, lainlet, mortals, store, url },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

/** A stream that is read to its end. */
class Watched implements AsyncDisposable {
  readonly values: string[] = [];
  isBroken = false;
  readonly #over: Promise<void>;

  constructor(readonly stream: Stream) {
    this.#over = this.#read();
  }

  async #read(): Promise<void> {
    try {
      for (let event; (event = await this.stream.next());) {
        this.values.push(Object(event.data).a);
      }
    } catch {
      this.isBroken = true;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stream[Symbol.asyncDispose]();
    await this.#over;
  }
}

Deno.test("workers: a dead one is replaced, and the slots of its listeners are free", async () => {
  await using s = await serve();
  const { lainlet, mortals, store, url } = s;
  await using stack = new AsyncDisposableStack();
  const open = () =>
    Promise.all(Array.from({ length: STREAMS }, async () => {
      const stream = await Stream.open(`${url}?watch=1`);
      return stack.use(new Watched(stream));
    }));
  const streams = await open();
  const { headers } = await get(url);
  const polls = Array.from({ length: POLLS }, () =>
    get(url, undefined, {
      headers: {
        "If-None-Match": headers.get("etag") ?? "",
        "Prefer": "wait=60",
      },
    }).then(() => "answered", () => "broken"));
  const { counters, limits } = lainlet;
  const counted = () => [
    limits.listeners,
    limits.perEndpoint.get("/v2/configwatcher"),
    counters.connections,
  ];
  const all = STREAMS + POLLS;
  /** How many listeners more are counted than are alive. */
  const lost = (streams: readonly Watched[]) => () => {
    const living = streams.filter(({ isBroken }) => !isBroken).length;
    return counted().map((count = 0) => count - living);
  };
  await becomes("all listen", counted, [all, all, all]);

  await mortals.kill(0);
  await eventually(
    "it is dead",
    () => streams.some(({ isBroken }) => isBroken) || undefined,
  );
  await eventually("another one is there", () => mortals.made[2]);
  store.put(KEY, "1");
  const answers = await Promise.all(polls);
  assert(answers.includes("answered"));
  const living = streams.filter(({ isBroken }) => !isBroken);
  await eventually(
    "the others get what is new",
    () => living.every(({ values }) => values.at(-1) === "1") || undefined,
  );
  assert(living.length > 0 && living.length < STREAMS, `${living.length}`);
  await becomes("they count", lost(streams), [0, 0, 0]);
  await becomes("who accepts", () => socketsAt(url), WORKERS);

  const more = await open();
  await eventually(
    "whoever comes is served",
    () => more.every(({ values }) => values.at(-1) === "1") || undefined,
  );
  // The new worker has some of them, and may die, too.
  await mortals.kill(2);
  await eventually(
    "it is dead",
    () => more.some(({ isBroken }) => isBroken) || undefined,
  );
  await becomes("who accepts", () => socketsAt(url), WORKERS);
  await becomes("they count", lost([...streams, ...more]), [0, 0, 0]);
});

Deno.test("workers: lainlet stops in time with dead workers", async () => {
  await using s = await serve();
  // One waits for its restart, the other one dies meanwhile.
  await s.mortals.kill(0);
  s.mortals.kill(1);
  await s.server.close();
});

Deno.test("workers: a ping waits for one that hangs, and not for a dead one", async () => {
  await using s = await serve();
  await s.server.ping();

  const wake = s.mortals.hang(1);
  let isAnswered = false;
  const answered = s.server.ping().then(() => isAnswered = true);
  // The other worker answers within a millisecond.
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert(!isAnswered);
  wake();
  await answered;

  const dead = s.mortals.kill(0);
  await s.server.ping();
  await dead;
});
