import { getLogger } from "@logtape/logtape";
import { backoff, sleep } from "../../time.ts";
import { check, isOfHistory } from "./check.ts";
import { Etcd2Connection, Refused, type Sums } from "./connection.ts";
import type { Head } from "./messages.ts";
import { Etcd2Watch } from "./watch.ts";
import { Diagnosis, explain, lookByTls } from "../etcd/diagnosis.ts";
import { type Dialed, Endpoints, type Use } from "../endpoints.ts";
import type { Login } from "../kind.ts";
import { FollowedStore, type StoreOptions } from "../remote.ts";
import type { WatchEvent } from "../store.ts";

const log = getLogger(["lainlet", "etcd"]);

/** How long to wait before etcd is asked again for a subtree that it refused, in ms. */
const REFUSED_RETRY = 5_000;

/**
 * The state in etcd's v2 key space, which is all that etcd 2 has, and which
 * etcd 3 up to 3.5 has with `--enable-v2`. Each prefix is listed, and then
 * polled for what happens after that: an event is the answer to a request of
 * its own. All requests go to one endpoint at a time; when that fails, each
 * prefix is followed at the next one after what was delivered.
 *
 * @see https://etcd.io/docs/v2.3/api/
 */
export class Etcd2Store
  extends FollowedStore<Etcd2Connection, Head, Etcd2Watch, Sums> {
  protected readonly endpoints: Endpoints<Etcd2Connection, Head>;
  readonly #diagnosis: Diagnosis;
  /** By which connection each watch is followed, or was at last. */
  readonly #followers = new WeakMap<Etcd2Watch, Etcd2Connection>();

  /** @param endpoints URLs, `http://127.0.0.1:2379`; a single cluster's members */
  constructor(
    endpoints: readonly [string, ...string[]],
    { tls, auth, ...options }: StoreOptions & Login = {},
  ) {
    super(options);
    const login = { tls, auth };
    this.#diagnosis = new Diagnosis(
      (error) => explain(error, login),
      (endpoint) => lookByTls(endpoint, login),
      (endpoint) => this.endpoints.note(endpoint, undefined),
    );
    this.endpoints = new Endpoints(endpoints, {
      name: "etcd",
      connect: (endpoint) => new Etcd2Connection(endpoint, login),
      explain: (endpoint, error) => this.#diagnosis.of(endpoint, error),
      // A key that is there, as the answer for one that is not says less.
      open: (connection) =>
        connection.open(
          [...this.watches].map(({ landmark, prefix }) =>
            landmark?.key ?? prefix
          ),
        ),
    });
  }

  protected begin(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): Etcd2Watch {
    return new Etcd2Watch(prefix, controller);
  }

  protected leave(watch: Etcd2Watch): void {
    watch.poll?.stop();
  }

  protected async serve(
    { connection, head }: Dialed<Etcd2Connection, Head>,
    use: Use,
  ): Promise<void> {
    try {
      await this.#findHistory(connection, head);
    } catch (error) {
      return connection.fail(error);
    }
    await Promise.all(
      [...this.watches].map((watch) => this.follow(watch, connection)),
    );
    if (connection.signal.aborted) return;
    use.resumed();
    this.#diagnosis.clear();
    const { endpoint } = connection;
    log.info("etcd is connected", { endpoint, revision: head.index });
    this.keepChecking(connection, use);
  }

  protected check(
    connection: Etcd2Connection,
    live: readonly Etcd2Watch[],
  ): Promise<Etcd2Watch[]> {
    return check(connection, live, this.grace);
  }

  protected readInventory(
    connection: Etcd2Connection,
    { prefix }: Etcd2Watch,
  ): Promise<Sums> {
    return connection.sum(prefix);
  }

  /** Finds out whether etcd's history is the one that was followed; else everything is read anew. */
  async #findHistory(
    connection: Etcd2Connection,
    head: Head,
  ): Promise<void> {
    const known = await Promise.all(
      [...this.watches].map((watch) =>
        isOfHistory(watch, connection, head, this.grace).catch((error) => {
          // Then it is told when the prefix is followed.
          if (error instanceof Refused) return true;
          throw error;
        })
      ),
    );
    const isOther = known.includes(false);
    this.enterHistory(connection, head.index, isOther);
  }

  /**
   * Follows a prefix by a connection, until that is over, unless it is
   * followed by it already; a failure that is not the prefix's own ends the
   * connection.
   *
   * @returns resolves when it is followed, or is known not to be
   */
  protected follow(
    watch: Etcd2Watch,
    connection: Etcd2Connection,
  ): Promise<void> {
    if (this.#followers.get(watch) === connection) return Promise.resolve();
    this.#followers.set(watch, connection);
    const { promise: isFollowed, resolve } = Promise.withResolvers<void>();
    const { signal } = connection;
    const isCurrent = () => !signal.aborted && this.watches.has(watch);
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
      !connection.signal.aborted && this.watches.has(watch);
    if (watch.complete === undefined) {
      const at = performance.now();
      const listing = await connection.list(watch.prefix);
      if (!isCurrent()) return false;
      watch.reset(listing, this.history);
      this.confirm(watch.prefix, at);
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
    this.missed++;
    log.error("a watch had missed a change, which was asked for again", {
      prefix,
      revision,
      endpoint,
    });
  }
}
