import { getLogger } from "@logtape/logtape";
import { sleep } from "../../backoff.ts";
import { check, Missed } from "./check.ts";
import { EtcdConnection, type Head, type Keys } from "./connection.ts";
import { isCompacted, isRefusal } from "./messages.ts";
import { EtcdWatch, isSameChange } from "./watch.ts";
import type { Dialed } from "../dial.ts";
import { IN_V2, isEtcd2, isInV2 } from "../etcd2/seek.ts";
import { Endpoints, type Use } from "../endpoints.ts";
import type { Login } from "../login.ts";
import type { Item, Store, StoreStatus } from "../store.ts";

const log = getLogger(["lainlet", "etcd"]);

/** How long to wait before etcd is asked again for a subtree that it refused, in ms. */
const REFUSED_RETRY = 5_000;

/** How an etcd is followed. */
export interface EtcdOptions extends Login {
  /** How often the watches are checked, in ms; see {@linkcode check}; default 5 s. */
  readonly checkEvery?: number;
  /** How often everything is compared with etcd, in ms; 0 (default): never. */
  readonly verifyEvery?: number;
}

/**
 * The state in etcd v3. All watches share one connection to one endpoint at
 * a time; when that fails, or a check finds that it is not served as it
 * should be, another one is made, and every watch resumes there after what it
 * delivered. Connected while there are watches.
 *
 * @see https://etcd.io/docs/v3.4/learning/api/
 */
export class EtcdStore implements Store {
  readonly #watches = new Set<EtcdWatch>();
  /** When each prefix was last known to be delivered whole, as `performance.now()`. */
  readonly #confirmed = new Map<string, number>();
  readonly #endpoints: Endpoints<EtcdConnection, Head>;
  readonly #login: Login;
  readonly #checkEvery: number;
  readonly #verifyEvery: number;
  /** Endpoints that are asked whether they are an etcd 2, and what they said. */
  readonly #isOld = new Map<string, boolean>();
  /** Whether nothing is here, and something in the v2 key space. */
  #isElsewhere = false;
  #missed = 0;
  #verifyAt = Infinity;
  #wake = new AbortController();

  /** @param endpoints URLs, `http://127.0.0.1:2379`; a single cluster's members */
  constructor(
    endpoints: readonly [string, ...string[]],
    { checkEvery = 5_000, verifyEvery = 0, ...login }: EtcdOptions = {},
  ) {
    this.#endpoints = new Endpoints(endpoints, {
      connect: (endpoint) => new EtcdConnection(endpoint, login),
      open: (connection) =>
        connection.open([...this.#watches].map(({ prefix }) => prefix)),
      explain: (endpoint, error) => this.#explain(endpoint, error),
    });
    this.#login = login;
    this.#checkEvery = checkEvery;
    this.#verifyEvery = verifyEvery;
  }

  get status(): StoreStatus {
    const watches = [...this.#watches];
    const problems = new Set(this.#endpoints.problems);
    for (const { problem } of watches) {
      if (problem !== undefined) problems.add(problem);
    }
    if (this.#isElsewhere) problems.add(IN_V2);
    return {
      source: this.#endpoints.connection?.endpoint ?? "",
      revision: Math.max(0, ...watches.map(({ revision }) => revision)),
      reconnects: this.#endpoints.reconnects,
      missed: this.#missed,
      problems: [...problems],
    };
  }

  age(prefix: string): number {
    return performance.now() - (this.#confirmed.get(prefix) ?? -Infinity);
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<Item> {
    let watch: EtcdWatch;
    return new ReadableStream<Item>({
      start: (controller) => {
        if (signal.aborted) return controller.close();
        watch = new EtcdWatch(prefix, controller);
        this.#watches.add(watch);
        signal.addEventListener("abort", () => {
          if (this.#remove(watch)) controller.close();
        }, { once: true });
        const { connection } = this.#endpoints;
        if (this.#watches.size === 1) this.#run();
        else if (connection) this.#resume(watch, connection);
      },
      cancel: () => {
        this.#remove(watch);
      },
    });
  }

  #remove(watch: EtcdWatch): boolean {
    watch.stop?.();
    const found = this.#watches.delete(watch);
    if (this.#watches.size === 0) {
      this.#wake.abort();
      this.#endpoints.connection?.close();
    }
    return found;
  }

  /** Keeps one connection open for as long as there are watches. */
  async #run(): Promise<void> {
    const { signal } = this.#wake = new AbortController();
    this.#verifyAt = this.#nextVerification();
    await this.#endpoints.keep(
      (dialed, use) => this.#serve(dialed, use),
      signal,
    );
  }

  /** Serves all watches by one connection until that is over. */
  async #serve(
    { connection, head }: Dialed<EtcdConnection, Head>,
    use: Use,
  ): Promise<void> {
    connection.signal.addEventListener("abort", () => {
      for (const watch of this.#watches) watch.isLive = false;
    });
    try {
      await this.#resumeAll(connection, head);
    } catch (error) {
      return connection.fail(error);
    }
    if (connection.signal.aborted) return;
    use.resumed();
    this.#isOld.clear();
    const { endpoint } = connection;
    log.info("etcd is connected", { endpoint, revision: head.revision });
    this.#check(connection, use);
  }

  /** Brings all watches up on a new connection. */
  async #resumeAll(connection: EtcdConnection, head: Head): Promise<void> {
    const watches = [...this.#watches];
    const known = await Promise.all(
      watches.map((watch) => isOfHistory(watch, connection, head)),
    );
    if (known.includes(false)) {
      log.warn("etcd was restored from a backup, reading anew", {
        endpoint: connection.endpoint,
        revision: head.revision,
      });
      for (const watch of this.#watches) watch.forget();
    }
    await Promise.all(
      [...this.#watches].map((watch) => this.#resume(watch, connection, head)),
    );
  }

  /**
   * Brings a watch up on a connection; a failure that is not the watch's own
   * ends the connection.
   *
   * @param head where history stood; without, everything is read anew
   */
  async #resume(
    watch: EtcdWatch,
    connection: EtcdConnection,
    head?: Head,
  ): Promise<void> {
    const { prefix } = watch;
    const isCurrent = () =>
      !connection.signal.aborted && this.#watches.has(watch);
    const refused = async (error: Error) => {
      watch.problem = `${prefix}: ${error.message}`;
      log.error("etcd does not serve a subtree, retrying", {
        prefix,
        error: error.message,
      });
      await sleep(REFUSED_RETRY, connection.signal);
      if (isCurrent()) this.#resume(watch, connection);
    };
    try {
      if (head === undefined || watch.proven === undefined) {
        const at = performance.now();
        const history = head ?? await connection.head(prefix);
        const snapshot = await connection.read(prefix);
        if (!isCurrent()) return;
        watch.reset(snapshot, history);
        this.#confirmed.set(prefix, at);
      }
      watch.problem = undefined;
      watch.isLive = true;
      watch.stop = await connection.watch(
        prefix,
        (watch.proven ?? 0) + 1,
        {
          batch: (batch) => {
            if (!isCurrent() || watch.take(batch)) return;
            this.#lose(connection, new Missed(watch, batch.revision));
          },
          lost: (reason) => {
            watch.isLive = false;
            if (!isCurrent()) return;
            if (reason === "compacted") this.#resume(watch, connection);
            else if (isRefusal(reason)) refused(reason);
            else connection.fail(reason);
          },
        },
      );
      if (!isCurrent()) watch.stop();
    } catch (error) {
      if (isRefusal(error)) refused(error);
      else connection.fail(error);
    }
  }

  /** Checks the watches of a connection again and again, until it is over. */
  async #check(
    connection: EtcdConnection,
    use: Use,
  ): Promise<void> {
    const pause = Math.min(this.#checkEvery, this.#verifyEvery || Infinity);
    while (!connection.signal.aborted) {
      const at = performance.now();
      const live = [...this.#watches].filter((one) => one.isLive);
      try {
        const inventories = await this.#readInventories(connection, live);
        const grace = Math.min(1_000, this.#checkEvery / 2);
        for (const watch of await check(connection, live, grace)) {
          this.#confirmed.set(watch.prefix, at);
          const inventory = inventories.get(watch);
          if (inventory !== undefined) watch.deliver(inventory);
        }
        use.proven();
        await this.#seek(connection);
      } catch (error) {
        this.#lose(connection, error);
      }
      await sleep(pause * (0.75 + Math.random() / 4), connection.signal);
    }
  }

  /** An etcd 2 knows nothing of gRPC: what it says instead is no help. */
  #explain(endpoint: string, error: unknown): unknown {
    const isOld = this.#isOld.get(endpoint);
    if (isOld) return IN_V2;
    if (isOld === undefined) {
      this.#isOld.set(endpoint, false);
      isEtcd2(endpoint, this.#login).then((isOld) => {
        this.#isOld.delete(endpoint);
        if (!isOld || this.#endpoints.connection !== undefined) return;
        this.#isOld.set(endpoint, true);
        this.#endpoints.note(endpoint, error);
      });
    }
    return error;
  }

  /** Looks for the state in the v2 key space while nothing is here. */
  async #seek({ endpoint }: EtcdConnection): Promise<void> {
    const watches = [...this.#watches];
    const isEmpty = watches.every(({ landmark }) => landmark === undefined);
    const prefixes = watches.map(({ prefix }) => prefix);
    const isElsewhere = isEmpty &&
      await isInV2(endpoint, this.#login, prefixes);
    if (isElsewhere && !this.#isElsewhere) log.warn(IN_V2, { endpoint });
    this.#isElsewhere = isElsewhere;
  }

  /** What etcd holds under each prefix, when it is time to compare that. */
  async #readInventories(
    connection: EtcdConnection,
    watches: readonly EtcdWatch[],
  ): Promise<Map<EtcdWatch, Keys>> {
    const inventories = new Map<EtcdWatch, Keys>();
    if (performance.now() < this.#verifyAt) return inventories;
    this.#verifyAt = this.#nextVerification();
    for (const watch of watches) {
      watch.beginInventory();
      inventories.set(watch, await connection.readKeys(watch.prefix));
    }
    return inventories;
  }

  /** Jittered, so that the lainlets of many nodes do not read at one time. */
  #nextVerification(): number {
    if (this.#verifyEvery === 0) return Infinity;
    return performance.now() + this.#verifyEvery * (0.5 + Math.random() / 2);
  }

  /** Ends a connection because of an error. */
  #lose(connection: EtcdConnection, error: unknown): void {
    if (connection.signal.aborted) return;
    if (error instanceof Missed) {
      this.#missed++;
      log.error("a watch missed a change, reading anew", {
        prefix: error.watch.prefix,
        revision: error.revision,
        endpoint: connection.endpoint,
      });
      error.watch.forget();
    }
    connection.fail(error);
  }
}

/**
 * Whether etcd has the history that a watch was delivered from. Reads one
 * key, as it was when the last change was delivered.
 */
async function isOfHistory(
  watch: EtcdWatch,
  connection: EtcdConnection,
  head: Head,
): Promise<boolean> {
  const { landmark, proven, revision } = watch;
  if (proven === undefined) return true;
  if (!watch.isOf(head)) return false;
  if (landmark === undefined) return true;
  try {
    return isSameChange(await connection.get(landmark.key, revision), landmark);
  } catch (error) {
    // Then the watch finds out as much.
    if (isCompacted(error) || isRefusal(error)) return true;
    throw error;
  }
}
