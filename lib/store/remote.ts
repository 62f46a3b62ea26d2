import { getLogger } from "@logtape/logtape";
import { onAbort } from "../abort.ts";
import { nextAlignedDelay, sleep } from "../time.ts";
import { Waiters } from "../waiters.ts";
import {
  AccessDenied,
  type Connection,
  type ResponseHeader,
} from "./connection.ts";
import type {
  ConnectionObserver,
  Endpoints,
  OpenConnection,
} from "./endpoints.ts";
import type { StoreOptions } from "./kind.ts";
import type { Store, StoreStatus, WatchEvent } from "./store.ts";
import { type KeyRevisions, MissedChange, type PrefixWatch } from "./watch.ts";

const log = getLogger(["lainlet", "store"]);

/**
 * Time between a request for a freshness check and the check, in ms. Requests
 * that come meanwhile share it, so there are at most 50 checks a second.
 */
const BATCH_WINDOW = 20;

/** Time between two checks while a caller waits for one, in ms. */
const RETRY_INTERVAL = 250;

/** Time before a refused prefix is read again, in ms. */
export const REFUSED_RETRY = 5_000;

/** A caller that waits for a freshness check. */
interface Waiter {
  readonly prefix: string;
  /** The check has to begin after this, as `performance.now()`. */
  readonly since: number;
}

/**
 * A store over a network. Watches all prefixes on one connection; when that
 * ends, or a check finds that it does not serve them, opens another one, on
 * which each watch resumes after what it delivered. Connected while there are
 * watches.
 */
export abstract class RemoteStore<
  C extends Connection,
  W extends PrefixWatch<C>,
> implements Store {
  protected readonly watches = new Set<W>();
  protected abstract readonly endpoints: Endpoints<C>;
  /** Time that the store gets to send what a check asked for, in ms. */
  protected readonly grace: number;
  /** When each prefix was last known to be complete, by history and prefix, as `performance.now()`. */
  readonly #confirmedAt = new Map<string, number>();
  readonly #waiters = new Waiters<Waiter, number>();
  readonly #checkEvery: number;
  readonly #verifyEvery: number;
  /** The connection that watches start on: its history is known. */
  #connection?: C;
  /** The connection that each watch runs on, or ran on last. */
  readonly #connections = new WeakMap<W, C>();
  #history = 0;
  /** Whether a watch that has ended delivered something, which a reader may still hold. */
  #hasDelivered = false;
  #missed = 0;
  #verifyAt = Infinity;
  /** Ends the connection when there are no watches. */
  #idle = new AbortController();
  /** Ends the pause before the next check. */
  #wake = new AbortController();

  constructor({ checkEvery = 5_000, verifyEvery = 0 }: StoreOptions) {
    this.#checkEvery = checkEvery;
    this.#verifyEvery = verifyEvery;
    this.grace = Math.min(1_000, checkEvery / 2);
  }

  protected abstract createWatch(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): W;

  /**
   * Finds out whether the store has the history that a watch was delivered
   * from, and makes the watch forget what it delivered where that is unknown.
   *
   * @throws when the connection is of no use
   */
  protected abstract isSameHistory(
    watch: W,
    connection: C,
    header: ResponseHeader,
  ): Promise<boolean>;

  /**
   * Checks that the watches delivered everything.
   *
   * @returns the watches that are confirmed
   * @throws {MissedChange} when a watch did not deliver a change
   * @throws when the connection is of no use
   */
  protected abstract check(
    connection: C,
    live: readonly W[],
  ): Promise<readonly W[]>;

  /** Reads which keys the store holds under a prefix. */
  protected abstract readInventory(
    connection: C,
    watch: W,
  ): Promise<KeyRevisions>;

  /** Problems besides those of single prefixes, one line each. */
  protected get problems(): Iterable<string> {
    return this.endpoints.problems;
  }

  /** The watches that run on a connection. */
  protected *watchesOn(connection: C): Generator<W> {
    for (const watch of this.watches) {
      if (this.#connections.get(watch) === connection) yield watch;
    }
  }

  get status(): StoreStatus {
    const watches = [...this.watches];
    const problems = new Set(this.problems);
    for (const { problem } of watches) {
      if (problem !== undefined) problems.add(problem);
    }
    return {
      source: this.endpoints.connection?.endpoint ?? "",
      revision: Math.max(0, ...watches.map(({ revision }) => revision)),
      reconnects: this.endpoints.reconnects,
      missed: this.#missed,
      problems: [...problems],
    };
  }

  age(prefix: string, history = this.#history): number {
    const at = this.#confirmedAt.get(`${history} ${prefix}`);
    return performance.now() - (at ?? -Infinity);
  }

  checkFreshness(prefix: string, signal: AbortSignal): Promise<number> {
    const waiter = { prefix, since: performance.now() };
    const confirmed = this.#waiters.wait(waiter, signal);
    this.#wake.abort();
    return confirmed;
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<WatchEvent> {
    let watch: W;
    let removeListener: (() => void) | undefined;
    return new ReadableStream<WatchEvent>({
      start: (controller) => {
        if (signal.aborted) return controller.close();
        watch = this.createWatch(prefix, controller);
        this.watches.add(watch);
        removeListener = onAbort(signal, () => {
          if (this.#remove(watch)) controller.close();
        });
        const { connection } = this.endpoints;
        if (this.watches.size === 1) this.#keepConnected();
        else if (connection && connection === this.#connection) {
          this.#start(watch, connection);
        }
      },
      cancel: () => {
        removeListener?.();
        this.#remove(watch);
      },
    });
  }

  #remove(watch: W): boolean {
    const wasThere = this.watches.delete(watch);
    this.#hasDelivered ||= watch.revision > 0;
    watch.stop();
    if (this.watches.size === 0) this.#idle.abort();
    return wasThere;
  }

  /** Keeps one connection open for as long as there are watches. */
  async #keepConnected(): Promise<void> {
    const { signal } = this.#idle = new AbortController();
    this.#verifyAt = this.#nextVerification();
    await this.endpoints.keepConnected((open, observer) => {
      onAbort(open.connection.signal, () => {
        for (const watch of this.watches) watch.isLive = false;
      });
      this.#use(open, observer);
    }, signal);
  }

  /** Starts all watches on a connection, and checks them until it ends. */
  async #use(
    { connection, header }: OpenConnection<C>,
    observer: ConnectionObserver,
  ): Promise<void> {
    try {
      const isSame = await Promise.all(
        [...this.watches].map((watch) =>
          this.isSameHistory(watch, connection, header)
        ),
      );
      this.#enterHistory(connection, header, isSame.every((same) => same));
    } catch (error) {
      return connection.fail(error);
    }
    await Promise.all(
      [...this.watches].map((watch) => this.#start(watch, connection, header)),
    );
    if (connection.signal.aborted) return;
    observer.resumed();
    await this.#keepChecking(connection, observer);
  }

  #enterHistory(
    connection: C,
    { revision }: ResponseHeader,
    isSame: boolean,
  ): void {
    this.#connection = connection;
    const watches = [...this.watches];
    // A history that never had a key looks like any other one.
    const isUnknown =
      (this.#hasDelivered || watches.some(({ revision }) => revision > 0)) &&
      !watches.some(({ hasCheckpoint }) => hasCheckpoint);
    if (isSame && !isUnknown) return;
    if (!isSame) {
      const { endpoint } = connection;
      log.warn("the store has another history, as after a backup is restored", {
        endpoint,
        revision,
      });
    }
    this.#history++;
    for (const watch of watches) watch.startHistory();
  }

  /**
   * Runs a watch on a connection, unless it runs there already. A failure that
   * is not the prefix's own ends the connection.
   *
   * @param header absent: the connection was opened before the watch
   * @returns resolves when changes are delivered, or known not to be
   */
  #start(watch: W, connection: C, header?: ResponseHeader): Promise<void> {
    if (this.#connections.get(watch) === connection) return Promise.resolve();
    this.#connections.set(watch, connection);
    const { promise: isReady, resolve: ready } = Promise.withResolvers<void>();
    const { signal } = connection;
    const isCurrent = () => !signal.aborted && this.watches.has(watch);
    const { prefix } = watch;
    const context = {
      history: this.#history,
      isCurrent,
      ready,
      confirm: (at: number) => this.#confirm(prefix, at),
      report: (problem?: string) => this.#report(watch, problem),
      countMissed: (revision: number) =>
        this.#countMissed(prefix, revision, connection),
      fail: (error: unknown) => this.#lose(connection, error),
    };
    const run = async () => {
      for (let first = header; isCurrent(); first = undefined) {
        try {
          await watch.run(connection, { ...context, header: first });
        } catch (error) {
          if (!isCurrent()) return;
          watch.isLive = false;
          if (!(error instanceof AccessDenied)) {
            return this.#lose(connection, error);
          }
          this.#report(watch, `${prefix}: ${error.message}`);
          ready();
          await sleep(REFUSED_RETRY, signal);
        }
      }
    };
    run().finally(ready);
    return isReady;
  }

  #report(watch: W, problem: string | undefined): void {
    if (watch.problem === problem) return;
    watch.problem = problem;
    if (problem === undefined) return;
    log.error("the store does not serve all of a subtree, retrying", {
      prefix: watch.prefix,
      error: problem,
    });
  }

  #countMissed(prefix: string, revision: number, { endpoint }: C): void {
    this.#missed++;
    log.error("a watch missed a change, reading it again", {
      prefix,
      revision,
      endpoint,
    });
  }

  /** Ends a connection because of an error. */
  #lose(connection: C, error: unknown): void {
    if (connection.signal.aborted) return;
    if (error instanceof MissedChange) {
      const { watch: { prefix }, revision } = error;
      this.#countMissed(prefix, revision, connection);
      error.watch.forget();
    }
    connection.fail(error);
  }

  /** Records that a prefix was delivered completely. @param at as `performance.now()` */
  #confirm(prefix: string, at: number): void {
    this.#confirmedAt.set(`${this.#history} ${prefix}`, at);
  }

  /** Checks the watches of a connection again and again, until it ends. */
  async #keepChecking(
    connection: C,
    observer: ConnectionObserver,
  ): Promise<void> {
    const interval = Math.min(this.#checkEvery, this.#verifyEvery || Infinity);
    onAbort(connection.signal, () => this.#wake.abort());
    while (!connection.signal.aborted) {
      this.#wake = new AbortController();
      const at = performance.now();
      const live = [...this.watches].filter((watch) => watch.isLive);
      try {
        const inventories = await this.#readInventories(connection, live);
        const confirmed = await this.check(connection, live);
        // Meanwhile another connection may be on another history.
        if (connection.signal.aborted) return;
        for (const watch of confirmed) {
          if (!this.watches.has(watch)) continue;
          const inventory = inventories.get(watch);
          const { isUncompared } = watch;
          if (inventory !== undefined) watch.deliverInventory(inventory);
          // Only its reader can compare: the next check knows the result.
          if (isUncompared) {
            if (inventory === undefined) this.#verifyAt = 0;
            continue;
          }
          this.#confirm(watch.prefix, at);
          this.#answerWaiters(watch, at);
        }
        observer.confirmed();
        if (this.#verifyAt === 0) continue;
      } catch (error) {
        this.#lose(connection, error);
      }
      await sleep(
        this.#waiters.size > 0 ? RETRY_INTERVAL : nextAlignedDelay(interval),
        this.#wake.signal,
      );
      if (this.#waiters.size > 0) await sleep(BATCH_WINDOW, connection.signal);
    }
  }

  /** Delivers progress, and resolves the callers whose wait began before the check. @param at when this check began */
  #answerWaiters(watch: W, at: number): void {
    const revision = watch.reportProgress();
    if (revision === undefined) return;
    this.#waiters.resolve(
      ({ prefix, since }) => prefix === watch.prefix && since <= at,
      revision,
    );
  }

  /** Reads what the store holds under each prefix, when it is time to compare. */
  async #readInventories(
    connection: C,
    watches: readonly W[],
  ): Promise<Map<W, KeyRevisions>> {
    const inventories = new Map<W, KeyRevisions>();
    if (performance.now() < this.#verifyAt) return inventories;
    this.#verifyAt = this.#nextVerification();
    for (const watch of watches) {
      watch.beginInventory();
      inventories.set(watch, await this.readInventory(connection, watch));
    }
    return inventories;
  }

  /** Jittered, so that the lainlets of many nodes do not read at the same time. */
  #nextVerification(): number {
    if (this.#verifyEvery === 0) return Infinity;
    return performance.now() + this.#verifyEvery * (0.5 + Math.random() / 2);
  }
}
