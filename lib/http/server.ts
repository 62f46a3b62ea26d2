import { getLogger } from "@logtape/logtape";
import type { WorkerSetup } from "./workers.ts";
import { countDescriptors, MANY } from "./descriptors.ts";
import type { Lainlet } from "./handler.ts";
import { listenAt } from "../listen.ts";
import { type Address, freePort, Port } from "./listener.ts";
import { Porter } from "./porter.ts";
import { Server } from "./thread.ts";
import { Workers } from "./workers.ts";

const log = getLogger(["lainlet", "http"]);

/** Where and how a lainlet is served by HTTP. */
export interface FrontOptions
  extends Pick<WorkerSetup, "hosts" | "slowAfter" | "logFormat" | "logLevel"> {
  /** "" is every address, port 0 a free one. */
  readonly web: { readonly hostname: string; readonly port: number };
  /** Threads that serve connections. */
  readonly workers: number;
  /** As many streams there may be. */
  readonly listeners: number;
}

/** Serves a lainlet by HTTP: on this thread and on workers, and again when the port was closed. */
export class Front {
  readonly #server: Server;
  readonly #port: Port;
  readonly #workers: Workers;
  readonly #porter: Porter;

  /** Listens, on this thread. @throws {Error} that says why not */
  constructor(lainlet: Lainlet, options: FrontOptions) {
    const { web, workers, listeners, ...setup } = options;
    // Before anything else needs one.
    const descriptors = countDescriptors(MANY);
    const { counters } = lainlet;
    this.#server = new Server({ ...setup, origin: lainlet, counters });
    const onFailure = () => this.#porter.suspect();
    const { handle: handler } = this.#server;
    this.#port = listenAt(web, (hostname) => {
      const address = { hostname, port: web.port, isShared: workers > 1 };
      // With a port to be shared, the system would not tell that another process has it.
      const port = freePort(address);
      return new Port({ ...address, port }, { handler, onFailure });
    });
    this.#workers = new Workers(workers - 1, lainlet, counters, {
      ...setup,
      type: "setup",
      address: this.address,
      counters: counters.buffer,
    }, onFailure);
    this.#porter = new Porter({
      port: this.#port,
      counters,
      descriptors,
      listeners,
      openOthers: (which) => this.#workers.open(which),
    });
  }

  get address(): Address {
    return this.#port.address;
  }

  /** Resolves when all threads listen. @throws {Error} when one cannot */
  async listening(): Promise<void> {
    await this.#workers.listening();
    const { hostname, port } = this.address;
    log.info("HTTP is served", { hostname, port });
  }

  /** Resolves when all threads have answered: one that hangs does not. */
  answer(): Promise<void> {
    return this.#workers.answer();
  }

  /** Listens no more, ends all streams, and waits until all requests are answered. */
  async close(): Promise<void> {
    this.#porter.close();
    this.#server.close();
    await Promise.allSettled([this.#port.close(), this.#workers.close()]);
  }
}
