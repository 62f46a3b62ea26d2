import { getLogger } from "@logtape/logtape";
import { backoff, sleep } from "./backoff.ts";
import { EtcdConnection, type EtcdLogin } from "./etcd_connection.ts";
import { isRefusal, lineOf } from "./etcd_messages.ts";
import type { Batch, Snapshot, Store, StoreStatus } from "./store.ts";

const log = getLogger(["lainlet", "etcd"]);

/** How long to wait before etcd is asked again for a subtree that it refused, in ms. */
const REFUSED_RETRY = 5_000;

interface Watch {
  readonly prefix: string;
  readonly controller: ReadableStreamDefaultController<Snapshot | Batch>;
  /** The last revision delivered; undefined: the next thing must be a snapshot. */
  revision?: number;
  /** The cluster that revision belongs to. */
  clusterId?: string;
  /** Why etcd does not serve this subtree. */
  problem?: string;
  stop?: () => void;
}

/**
 * The state in etcd v3. All watches share one connection to one endpoint at
 * a time; when that fails, the next endpoint is tried, and every watch
 * resumes after its last revision there. Connected while there are watches.
 *
 * @see https://etcd.io/docs/v3.4/learning/api/
 */
export class EtcdStore implements Store {
  readonly #watches = new Set<Watch>();
  #connection?: EtcdConnection;
  #heardAt = 0;
  #problem = "not connected yet";
  #wake = new AbortController();

  /**
   * @param endpoints URLs, `http://127.0.0.1:2379`; a single cluster's members
   */
  constructor(
    private readonly endpoints: readonly [string, ...string[]],
    private readonly login: EtcdLogin = {},
  ) {}

  get status(): StoreStatus {
    const watches = [...this.#watches];
    return {
      source: this.#problem === "" ? this.#connection?.endpoint ?? "" : "",
      heardAt: Math.max(this.#heardAt, this.#connection?.heardAt ?? 0),
      revision: Math.max(0, ...watches.map(({ revision }) => revision ?? 0)),
      problems: [this.#problem, ...watches.map(({ problem }) => problem ?? "")]
        .filter((problem) => problem !== ""),
    };
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<Snapshot | Batch> {
    let watch: Watch;
    return new ReadableStream<Snapshot | Batch>({
      start: (controller) => {
        if (signal.aborted) return controller.close();
        watch = { prefix, controller };
        this.#watches.add(watch);
        signal.addEventListener("abort", () => {
          if (this.#remove(watch)) controller.close();
        }, { once: true });
        if (this.#watches.size === 1) this.#run();
        else if (this.#connection) this.#resume(watch, this.#connection);
      },
      cancel: () => {
        this.#remove(watch);
      },
    });
  }

  #remove(watch: Watch): boolean {
    watch.stop?.();
    const found = this.#watches.delete(watch);
    if (this.#watches.size === 0) {
      this.#wake.abort();
      this.#connection?.close();
    }
    return found;
  }

  /** Keeps one connection open for as long as there are watches. */
  async #run(): Promise<void> {
    const wake = this.#wake = new AbortController();
    let next = Math.floor(Math.random() * this.endpoints.length);
    for (let failures = 0; !wake.signal.aborted; failures++) {
      const endpoint = this.endpoints[next++ % this.endpoints.length] ??
        this.endpoints[0];
      const reason = await this.#serve(endpoint, () => failures = 0);
      if (reason === null || wake.signal.aborted) break;
      if (reason.message !== this.#problem) {
        log.warn("etcd is not usable, retrying", {
          endpoint,
          error: reason.message,
        });
      }
      this.#problem = reason.message;
      await sleep(backoff(failures), wake.signal);
    }
  }

  /** Serves all watches from one endpoint until that fails, and says why it did. */
  async #serve(endpoint: string, onReady: () => void): Promise<Error | null> {
    let connection: EtcdConnection;
    try {
      connection = new EtcdConnection(endpoint, this.login);
    } catch (error) {
      return new Error(lineOf(error));
    }
    const { promise: over, resolve } = Promise.withResolvers<Error | null>();
    connection.signal.addEventListener("abort", () => {
      this.#heardAt = connection.heardAt || this.#heardAt;
      this.#connection = undefined;
      resolve(connection.signal.reason);
    });
    this.#connection = connection;
    const watches = [...this.#watches];
    const resumed = watches.map((watch) => this.#resume(watch, connection));
    Promise.all(resumed).then(() => {
      if (connection.signal.aborted) return;
      onReady();
      this.#problem = "";
      log.info("etcd is connected", { endpoint });
      connection.ping(watches[0]?.prefix ?? "");
    });
    return await over;
  }

  /** Brings a watch up on a connection; a failure that is not the watch's own ends the connection. */
  async #resume(watch: Watch, connection: EtcdConnection): Promise<void> {
    const current = () =>
      !connection.signal.aborted && this.#watches.has(watch);
    const refused = async (problem: string) => {
      watch.problem = `${watch.prefix}: ${problem}`;
      log.error("etcd does not serve a subtree, retrying", {
        prefix: watch.prefix,
        error: problem,
      });
      await sleep(REFUSED_RETRY, connection.signal);
      if (current()) this.#resume(watch, connection);
    };
    try {
      const head = await connection.head(watch.prefix);
      if (
        watch.revision === undefined || head.clusterId !== watch.clusterId ||
        head.revision < watch.revision
      ) {
        const snapshot = await connection.read(watch.prefix);
        if (!current()) return;
        watch.revision = snapshot.revision;
        watch.clusterId = head.clusterId;
        watch.controller.enqueue(snapshot);
      }
      watch.problem = undefined;
      watch.stop = await connection.watch(watch.prefix, watch.revision + 1, {
        batch: (batch) => {
          if (!current()) return;
          watch.revision = batch.revision;
          watch.controller.enqueue(batch);
        },
        lost: (reason) => {
          if (!current()) return;
          if (reason === "compacted") {
            watch.revision = undefined;
            this.#resume(watch, connection);
          } else if (isRefusal(reason)) refused(reason.message);
          else connection.fail(reason);
        },
      });
      if (!current()) watch.stop();
    } catch (error) {
      if (isRefusal(error)) refused(error.message);
      else connection.fail(error);
    }
  }
}
