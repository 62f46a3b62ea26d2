import { getLogger } from "@logtape/logtape";
import { backoff, sleep } from "../../backoff.ts";
import { check, isOfHistory } from "./check.ts";
import { Etcd2Connection, Refused, type Sums } from "./connection.ts";
import type { Head } from "./messages.ts";
import { Etcd2Watch } from "./watch.ts";
import type { Dialed } from "../dial.ts";
import { Endpoints, type Use } from "../endpoints.ts";
import type { Login } from "../login.ts";
import type { Item, Store, StoreStatus } from "../store.ts";

const log = getLogger(["lainlet", "etcd"]);

/** How long to wait before etcd is asked again for a subtree that it refused, in ms. */
const REFUSED_RETRY = 5_000;

/** How an etcd is followed. */
export interface Etcd2Options extends Login {
  /** How often the watches are checked, in ms; see {@linkcode check}; default 5 s. */
  readonly checkEvery?: number;
  /** How often everything is compared with etcd, in ms; 0 (default): never. */
  readonly verifyEvery?: number;
}

/**
 * The state in etcd's v2 key space, which is all that etcd 2 has, and which
 * etcd 3 up to 3.5 has with `--enable-v2`. Each prefix is listed, and then
 * polled for what happens after that: an event is the answer to a request of
 * its own. All requests go to one endpoint at a time; when that fails, each
 * prefix is followed at the next one after what was delivered.
 *
 * @see https://etcd.io/docs/v2.3/api/
 */
export class Etcd2Store implements Store {
  readonly #watches = new Set<Etcd2Watch>();
  /** When each prefix was last known to be delivered whole, as `performance.now()`. */
  readonly #confirmed = new Map<string, number>();
  readonly #endpoints: Endpoints<Etcd2Connection, Head>;
  /** By which connection each watch is followed, or was at last. */
  readonly #followers = new WeakMap<Etcd2Watch, Etcd2Connection>();
  readonly #checkEvery: number;
  readonly #verifyEvery: number;
  /** How long an event may take after the headers of its poll, in ms. */
  readonly #grace: number;
  #missed = 0;
  #verifyAt = Infinity;
  #wake = new AbortController();

  /** @param endpoints URLs, `http://127.0.0.1:2379`; a single cluster's members */
  constructor(
    endpoints: readonly [string, ...string[]],
    { checkEvery = 5_000, verifyEvery = 0, ...login }: Etcd2Options = {},
  ) {
    this.#endpoints = new Endpoints(endpoints, {
      connect: (endpoint) => new Etcd2Connection(endpoint, login),
      // A key that is there, as the answer for one that is not says less.
      open: (connection) =>
        connection.open(
          [...this.#watches].map(({ landmark, prefix }) =>
            landmark?.key ?? prefix
          ),
        ),
    });
    this.#checkEvery = checkEvery;
    this.#verifyEvery = verifyEvery;
    this.#grace = Math.min(1_000, checkEvery / 2);
  }

  get status(): StoreStatus {
    const watches = [...this.#watches];
    const problems = new Set(this.#endpoints.problems);
    for (const { problem } of watches) {
      if (problem !== undefined) problems.add(problem);
    }
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
    let watch: Etcd2Watch;
    return new ReadableStream<Item>({
      start: (controller) => {
        if (signal.aborted) return controller.close();
        watch = new Etcd2Watch(prefix, controller);
        this.#watches.add(watch);
        signal.addEventListener("abort", () => {
          if (this.#remove(watch)) controller.close();
        }, { once: true });
        const { connection } = this.#endpoints;
        if (this.#watches.size === 1) this.#run();
        else if (connection) this.#follow(watch, connection);
      },
      cancel: () => {
        this.#remove(watch);
      },
    });
  }

  #remove(watch: Etcd2Watch): boolean {
    const found = this.#watches.delete(watch);
    watch.poll?.stop();
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
    { connection, head }: Dialed<Etcd2Connection, Head>,
    use: Use,
  ): Promise<void> {
    connection.signal.addEventListener("abort", () => {
      for (const watch of this.#watches) watch.isLive = false;
    });
    try {
      await this.#forgetOtherHistory(connection, head);
    } catch (error) {
      return connection.fail(error);
    }
    await Promise.all(
      [...this.#watches].map((watch) => this.#follow(watch, connection)),
    );
    if (connection.signal.aborted) return;
    use.resumed();
    const { endpoint } = connection;
    log.info("etcd is connected", { endpoint, revision: head.index });
    this.#check(connection, use);
  }

  /** Has everything read anew when etcd's history is not the one that was followed. */
  async #forgetOtherHistory(
    connection: Etcd2Connection,
    head: Head,
  ): Promise<void> {
    const known = await Promise.all(
      [...this.#watches].map((watch) =>
        isOfHistory(watch, connection, head, this.#grace).catch((error) => {
          // Then it is told when the prefix is followed.
          if (error instanceof Refused) return true;
          throw error;
        })
      ),
    );
    if (!known.includes(false)) return;
    log.warn("etcd was restored from a backup, reading anew", {
      endpoint: connection.endpoint,
      revision: head.index,
    });
    for (const watch of this.#watches) watch.forget();
  }

  /**
   * Follows a prefix by a connection, until that is over, unless it is
   * followed by it already; a failure that is not the prefix's own ends the
   * connection.
   *
   * @returns resolves when it is followed, or is known not to be
   */
  #follow(watch: Etcd2Watch, connection: Etcd2Connection): Promise<void> {
    if (this.#followers.get(watch) === connection) return Promise.resolve();
    this.#followers.set(watch, connection);
    const { promise: isFollowed, resolve } = Promise.withResolvers<void>();
    const { signal } = connection;
    const isCurrent = () => !signal.aborted && this.#watches.has(watch);
    const run = async () => {
      watch.resume();
      for (let idle = 0; isCurrent();) {
        try {
          const isNews = await this.#step(watch, connection, () => {
            watch.isLive = true;
            watch.problem = undefined;
            resolve();
          });
          // Not too often: a server may end each poll as soon as it is made.
          idle = isNews ? 0 : idle + 1;
          if (idle > 1) await sleep(backoff(idle), signal);
        } catch (error) {
          if (!isCurrent()) break;
          watch.isLive = false;
          if (!(error instanceof Refused)) return connection.fail(error);
          this.#refuse(watch, error);
          resolve();
          await sleep(REFUSED_RETRY, signal);
        }
      }
    };
    run().finally(resolve);
    return isFollowed;
  }

  /**
   * Waits for what happens next under a prefix, and delivers it.
   *
   * @param onAsked called when etcd has taken the request
   * @returns false when the request was in vain
   */
  async #step(
    watch: Etcd2Watch,
    connection: Etcd2Connection,
    onAsked: () => void,
  ): Promise<boolean> {
    const isCurrent = () =>
      !connection.signal.aborted && this.#watches.has(watch);
    if (watch.complete === undefined) {
      const at = performance.now();
      const listing = await connection.list(watch.prefix);
      if (!isCurrent()) return false;
      watch.reset(listing);
      this.#confirmed.set(watch.prefix, at);
    }
    const poll = await connection.poll(watch.prefix, watch.next);
    if (poll === "cleared") {
      watch.isLive = false;
      watch.forget();
      return false;
    }
    if (!isCurrent()) {
      poll.stop();
      return false;
    }
    watch.poll = poll;
    onAsked();
    const event = await poll.event;
    if (!isCurrent()) return false;
    const isRenewed = watch.poll !== poll;
    watch.poll = undefined;
    if (event === undefined || isRenewed) return isRenewed;
    if (!watch.take(event)) this.#miss(watch, connection, event.node.index);
    return true;
  }

  #refuse(watch: Etcd2Watch, { message }: Refused): void {
    if (watch.problem === message) return;
    watch.problem = message;
    log.error("etcd does not serve a subtree, retrying", {
      prefix: watch.prefix,
      error: message,
    });
  }

  #miss(
    { prefix }: Etcd2Watch,
    { endpoint }: Etcd2Connection,
    revision: number,
  ): void {
    this.#missed++;
    log.error("a watch had missed a change, which was asked for again", {
      prefix,
      revision,
      endpoint,
    });
  }

  /** Checks the watches of a connection again and again, until it is over. */
  async #check(connection: Etcd2Connection, use: Use): Promise<void> {
    const pause = Math.min(this.#checkEvery, this.#verifyEvery || Infinity);
    while (!connection.signal.aborted) {
      const at = performance.now();
      const live = [...this.#watches].filter((one) => one.isLive);
      try {
        const inventories = await this.#readInventories(connection, live);
        for (const watch of await check(connection, live, this.#grace)) {
          this.#confirmed.set(watch.prefix, at);
          const inventory = inventories.get(watch);
          if (inventory !== undefined) watch.deliver(inventory);
        }
        use.proven();
      } catch (error) {
        connection.fail(error);
      }
      await sleep(pause * (0.75 + Math.random() / 4), connection.signal);
    }
  }

  /** What etcd holds under each prefix, when it is time to compare that. */
  async #readInventories(
    connection: Etcd2Connection,
    watches: readonly Etcd2Watch[],
  ): Promise<Map<Etcd2Watch, Sums>> {
    const inventories = new Map<Etcd2Watch, Sums>();
    if (performance.now() < this.#verifyAt) return inventories;
    this.#verifyAt = this.#nextVerification();
    for (const watch of watches) {
      watch.beginInventory();
      inventories.set(watch, await connection.sum(watch.prefix));
    }
    return inventories;
  }

  /** Jittered, so that the lainlets of many nodes do not read at one time. */
  #nextVerification(): number {
    if (this.#verifyEvery === 0) return Infinity;
    return performance.now() + this.#verifyEvery * (0.5 + Math.random() / 2);
  }
}
