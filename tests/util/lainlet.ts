import config from "../../deno.json" with { type: "json" };
import * as apis from "../../apis/mod.ts";
import { GrpcServer } from "../../lib/grpc/server.ts";
import { Lainlet, type LainletOptions } from "../../lib/http/handler.ts";
import {
  ThreadServer,
  type ThreadServerOptions,
} from "../../lib/http/server.ts";
import type { Store } from "../../lib/store/store.ts";
import { eventually } from "./process.ts";

/** The node of the golden responses. */
export const GOLDEN_HOST = { ip: "192.168.77.21", hostname: "node1" };

/** A lainlet in this process, behind a real socket. */
export class TestLainlet implements AsyncDisposable {
  readonly lainlet: Lainlet;
  readonly #server: ThreadServer;
  readonly #http: Deno.HttpServer<Deno.NetAddr>;
  readonly #grpc: GrpcServer;

  constructor(
    store: Store,
    { idle, slowAfter = 60_000, ...options }:
      & Partial<LainletOptions>
      & Partial<Pick<ThreadServerOptions, "idle" | "slowAfter">> = {},
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
    this.#server = new ThreadServer({
      handler: this.lainlet,
      counters,
      hosts: [GOLDEN_HOST.hostname, "lainlet.lain"],
      slowAfter,
      idle,
    });
    this.#http = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      handler: this.#server.handle,
      onListen: () => {},
    });
    this.#grpc = new GrpcServer({ hostname: "127.0.0.1", port: 0 }, {
      lainlet: this.lainlet,
      slowAfter,
      descriptors: 1_000,
    });
  }

  /** Memory that gRPC keeps for its callers, in bytes. */
  get kept(): number {
    return this.#grpc.reservedBytes;
  }

  /** Where gRPC is served. */
  get rpcPort(): number {
    return this.#grpc.address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#http.addr.port}`;
  }

  /** Waits until everything was read. */
  async ready(): Promise<this> {
    const watchers = Object.values(this.lainlet.cluster);
    await eventually(
      "everything is read",
      () => watchers.every(({ isSynced }) => isSynced) || undefined,
    );
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.lainlet.close();
    this.#server.close();
    await Promise.all([this.#http.shutdown(), this.#grpc.close()]);
  }
}
