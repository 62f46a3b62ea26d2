import config from "../../deno.json" with { type: "json" };
import * as apis from "../../apis/mod.ts";
import { Lainlet, type LainletOptions } from "../../lib/http/origin.ts";
import { Server, type ServerOptions } from "../../lib/http/server.ts";
import type { Store } from "../../lib/store/store.ts";
import { get } from "./client.ts";
import { eventually, freePort, Program } from "./process.ts";

/** The node that the golden answers are for. */
export const GOLDEN_HOST = { ip: "192.168.77.21", hostname: "node1" };

/** A lainlet in this process, behind a real socket. */
export class TestLainlet implements AsyncDisposable {
  readonly lainlet: Lainlet;
  readonly #server: Server;
  readonly #http: Deno.HttpServer<Deno.NetAddr>;

  constructor(
    store: Store,
    { idle, slowAfter = 60_000, ...options }:
      & Partial<LainletOptions>
      & Partial<Pick<ServerOptions, "idle" | "slowAfter">> = {},
  ) {
    this.lainlet = new Lainlet({
      store,
      host: GOLDEN_HOST,
      version: config.version,
      endpoints: Object.values(apis),
      auth: true,
      staleAfter: 30_000,
      limits: { listeners: 20_000, listenersPerAddress: 1_000 },
      ...options,
    });
    const { counters } = this.lainlet;
    this.#server = new Server({
      origin: this.lainlet,
      counters,
      slowAfter,
      idle,
    });
    this.#http = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      handler: this.#server.handle,
      onListen: () => {},
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#http.addr.port}`;
  }

  /** Waits until everything was read. */
  async ready(): Promise<this> {
    await Promise.all(Object.values(this.lainlet.cluster).map((w) => w.synced));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.lainlet.close();
    this.#server.close();
    await this.#http.shutdown();
  }
}

/** How a lainlet process is started: from source, or the compiled binary. */
export const TARGETS = {
  source: ["deno", ...config.tasks.start.split(" ").slice(1)],
  binary: [new URL("../../lainlet", import.meta.url).pathname],
} as const;

/** A lainlet in a process of its own. */
export class LainletProcess implements AsyncDisposable {
  readonly url: string;
  readonly program: Program;

  private constructor(
    target: keyof typeof TARGETS,
    args: readonly string[],
    env: Record<string, string>,
  ) {
    const port = freePort();
    this.url = `http://127.0.0.1:${port}`;
    const [command, ...first] = TARGETS[target];
    this.program = new Program(
      command,
      [...first, "--web", `:${port}`, ...args],
      env,
    );
  }

  /** Starts one, and waits until it is ready, or serves at least. */
  static async start(
    target: keyof typeof TARGETS,
    args: readonly string[],
    { env = {}, ready = true }: {
      env?: Record<string, string>;
      ready?: boolean;
    } = {},
  ): Promise<LainletProcess> {
    const lainlet = new LainletProcess(target, args, env);
    const path = ready ? "/readyz" : "/healthz";
    try {
      await eventually(`${path} is good`, async () => {
        const { status } = await get(lainlet.url + path);
        return status === 200 ? true : undefined;
      });
    } catch (error) {
      await lainlet[Symbol.asyncDispose]();
      throw new Error(`lainlet did not start: ${lainlet.program.stderr}`, {
        cause: error,
      });
    }
    return lainlet;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }
}
