import * as apis from "../../apis/mod.ts";
import { canonical } from "../../lib/json.ts";
import { Lainlet } from "../../lib/http/handler.ts";
import { Server } from "../../lib/http/server.ts";
import type { Store } from "../../lib/store/store.ts";
import type { Link } from "./network.ts";
import { LOCAL, QUESTIONS, viewOf } from "./questions.ts";
import { GOLDEN_HOST } from "../util/lainlet.ts";

/** How old a state may be that counts as current, in ms. */
export const STALE_AFTER = 30_000;

/** A lainlet that follows a store. */
export function lainletOf(store: Store): Lainlet {
  return new Lainlet({
    store,
    host: GOLDEN_HOST,
    version: "",
    endpoints: Object.values(apis),
    auth: true,
    staleAfter: STALE_AFTER,
    limits: { listeners: 1_000, listenersPerAddress: 1_000 },
  });
}

/** A lainlet without sockets, at a name; it can be ended and started again. */
export class SimulatedLainlet {
  #running?: { readonly lainlet: Lainlet; readonly server: Server };
  readonly #sockets = new Set<Socket>();

  /** @param open makes the store that it follows */
  constructor(
    readonly name: string,
    private readonly links: readonly Link[],
    private readonly open: () => Store,
  ) {}

  /** Whether a watch lost a change after the state was last confirmed. */
  get hasLost(): boolean {
    const ages = Object.values(this.#running?.lainlet.cluster ?? {})
      .map(({ age }) => age());
    const confirmedAt = performance.now() - Math.max(0, ...ages);
    return this.links.some(({ lostAt }) => lostAt > confirmedAt);
  }

  get isUp(): boolean {
    return this.#running !== undefined;
  }

  /** The one that runs. @throws {Error} when none does */
  get lainlet(): Lainlet {
    if (this.#running === undefined) throw new Error(`${this.name} is down`);
    return this.#running.lainlet;
  }

  start(): void {
    const lainlet = lainletOf(this.open());
    const server = new Server({
      origin: lainlet,
      counters: lainlet.counters,
      hosts: [],
      slowAfter: 600_000,
    });
    this.#running = { lainlet, server };
  }

  /** Ends it; its listeners lose their connections. */
  stop(): void {
    if (this.#running === undefined) return;
    const { lainlet, server } = this.#running;
    this.#running = undefined;
    for (const socket of [...this.#sockets]) socket.lose();
    lainlet.close();
    server.close();
  }

  /** What it answers a local caller at once: the question, its path, the answer as canonical JSON. */
  *answers(): Generator<[question: number, path: string, text: string]> {
    const { views } = this.lainlet;
    for (const [question, { path, peer }] of QUESTIONS.entries()) {
      if (peer !== LOCAL) continue;
      const { body } = views.read({ ...viewOf(path), peer });
      const text = canonical(JSON.parse(new TextDecoder().decode(body)));
      yield [question, path, text];
    }
  }

  /**
   * Asks it by HTTP.
   *
   * @param peer the address of who asks
   * @throws {TypeError} when it is down, as `fetch` does
   */
  async ask(path: string, peer: string, init?: RequestInit): Promise<Response> {
    if (this.#running === undefined) throw new TypeError("connection refused");
    const { server } = this.#running;
    const socket = new Socket(() => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    const response = await server.handle(
      new Request(`http://${this.name}${path}`, init),
      {
        remoteAddr: { transport: "tcp", hostname: peer, port: 1 },
        completed: socket.completed,
      },
    );
    return socket.carry(response);
  }
}

/** The connection of one request: ends when the answer does, or is lost. */
class Socket {
  readonly #over = Promise.withResolvers<void>();
  readonly completed = this.#over.promise;
  #controller?: ReadableStreamDefaultController<Uint8Array>;
  #reader?: ReadableStreamDefaultReader<Uint8Array>;

  constructor(private readonly onOver: () => void) {}

  carry({ body, headers, status }: Response): Response {
    if (body === null) {
      this.#end();
      return new Response(null, { headers, status });
    }
    const reader = this.#reader = body.getReader();
    const carried = new ReadableStream<Uint8Array>({
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
    return new Response(carried, { headers, status });
  }

  lose(): void {
    const controller = this.#controller;
    this.#end();
    this.#reader?.cancel().catch(() => {});
    controller?.error(new TypeError("connection reset"));
  }

  #end(): void {
    this.#controller = undefined;
    this.onOver();
    this.#over.resolve();
  }
}
