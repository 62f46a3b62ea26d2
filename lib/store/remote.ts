import { getLogger } from "@logtape/logtape";
import { onAbort } from "../abort.ts";
import { nextAlignedDelay, sleep } from "../time.ts";
import { Asked } from "./asked.ts";
import type { Dialed, Endpoints, Use } from "./endpoints.ts";
import type { Connection } from "./connection.ts";
import type { Store, StoreStatus, WatchEvent } from "./store.ts";

const log = getLogger(["lainlet", "store"]);

/** A prefix that is followed; I is what is read to compare with. */
export interface Followed<I> {
  readonly prefix: string;
  /** The last revision that was delivered. */
  readonly revision: number;
  /** Up to which revision everything was delivered; undefined: that is not known. */
  readonly complete?: number;
  /** Why the store does not serve this prefix. */
  readonly problem?: string;
  /** Whether there was ever a key, by which a history is told from another one. */
  readonly isMarked: boolean;
  /** Whether what happens is delivered. */
  isLive: boolean;
  /** Whether a check took it for whole and could not compare it: an inventory has to. */
  readonly isUncompared?: boolean;
  /** What was delivered is not to be trusted: a snapshot is due. */
  forget(): void;
  /** To be called before an inventory is read. */
  beginInventory(): void;
  /** Delivers an inventory, unless a snapshot came after its beginning. */
  deliver(inventory: I): void;
}

/**
 * Time before a proof that was asked for, in ms: who asks in the meantime has
 * his part in it, and whoever asks all the time has 50 a second at the most.
 */
const GATHERING = 20;

/** Time between two proofs while somebody waits for one, in ms. */
const IMPATIENCE = 250;

/** Who reads a watch. */
interface Reader {
  readonly controller: ReadableStreamDefaultController<WatchEvent>;
  /** The last revision that progress said. */
  told: number;
}

/** How a store is followed. */
export interface StoreOptions {
  /** How often what was delivered is proven to be all, in ms; default 5 s. */
  readonly checkEvery?: number;
  /** How often everything is compared with the store, in ms; 0 (default): never. */
  readonly verifyEvery?: number;
}

/**
 * A store whose prefixes are followed together, by one connection at a time.
 * When that fails, or a check finds that it is not served as it should be,
 * another one is made, and every prefix is followed there after what was
 * delivered. Connected while there are watches.
 */
export abstract class FollowedStore<
  C extends Connection,
  H,
  W extends Followed<I>,
  I,
> implements Store {
  protected readonly watches = new Set<W>();
  protected abstract readonly endpoints: Endpoints<C, H>;
  protected missed = 0;
  /** How long what a check asks for may take to come, in ms. */
  protected readonly grace: number;
  /** When each prefix was last known to be delivered whole in each history, as `performance.now()`. */
  readonly #confirmed = new Map<string, number>();
  #history = 0;
  /** Whether a watch that has ended delivered something, which a reader may still hold. */
  #hasDelivered = false;
  /** The last connection whose history is known: before that nothing is followed by it. */
  #entered?: C;
  readonly #checkEvery: number;
  readonly #verifyEvery: number;
  #verifyAt = Infinity;
  #wake = new AbortController();
  readonly #asked = new Asked();
  /** Ends the pause before the next check. */
  #hurry = new AbortController();
  /** How each watch is read, and the revision it was told last. */
  readonly #readers = new WeakMap<W, Reader>();

  constructor({ checkEvery = 5_000, verifyEvery = 0 }: StoreOptions) {
    this.#checkEvery = checkEvery;
    this.#verifyEvery = verifyEvery;
    this.grace = Math.min(1_000, checkEvery / 2);
  }

  /** A prefix that is to be followed. */
  protected abstract begin(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): W;

  /** Ends what is under way for a prefix. */
  protected abstract leave(watch: W): void;

  /** Follows one more prefix by a connection. */
  protected abstract follow(watch: W, connection: C): void;

  /** Follows all prefixes by a connection until that is over. */
  protected abstract serve(dialed: Dialed<C, H>, use: Use): void;

  /** @returns the watches that are proven now @throws when the connection is of no use */
  protected abstract check(connection: C, live: readonly W[]): Promise<W[]>;

  /** What the store holds under a prefix, to compare with. */
  protected abstract readInventory(connection: C, watch: W): Promise<I>;

  /** Ends a connection because a check failed. */
  protected lose(connection: C, error: unknown): void {
    connection.fail(error);
  }

  /** What is wrong, besides with a prefix. */
  protected get problems(): Iterable<string> {
    return this.endpoints.problems;
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
      missed: this.missed,
      problems: [...problems],
    };
  }

  age(prefix: string, history = this.#history): number {
    const confirmed = this.#confirmed.get(`${history} ${prefix}`);
    return performance.now() - (confirmed ?? -Infinity);
  }

  /** Which of the store's histories is followed, see {@linkcode Snapshot}. */
  protected get history(): number {
    return this.#history;
  }

  /**
   * To be called with each connection before all prefixes are followed by it.
   *
   * @param revision where the store's history stands
   * @param isOther whether that is another one than that of what was delivered
   */
  protected enterHistory(
    connection: C,
    revision: number,
    isOther: boolean,
  ): void {
    this.#entered = connection;
    const watches = [...this.watches];
    // One without a key cannot be told from another one.
    const isUnknown =
      (this.#hasDelivered || watches.some(({ revision }) => revision > 0)) &&
      !watches.some(({ isMarked }) => isMarked);
    if (!isOther && !isUnknown) return;
    if (isOther) {
      const { endpoint } = connection;
      log.warn("the store has another history, as after a backup is restored", {
        endpoint,
        revision,
      });
    }
    this.#history++;
    for (const watch of watches) {
      watch.forget();
      const reader = this.#readers.get(watch);
      if (reader !== undefined) reader.told = 0;
    }
  }

  checkFreshness(prefix: string, signal: AbortSignal): Promise<number> {
    const proof = this.#asked.wait(prefix, signal);
    this.#hurry.abort();
    return proof;
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<WatchEvent> {
    let watch: W;
    let removeListener: (() => void) | undefined;
    return new ReadableStream<WatchEvent>({
      start: (controller) => {
        if (signal.aborted) return controller.close();
        watch = this.begin(prefix, controller);
        this.#readers.set(watch, { controller, told: 0 });
        this.watches.add(watch);
        removeListener = onAbort(signal, () => {
          if (this.#remove(watch)) controller.close();
        });
        const { connection } = this.endpoints;
        if (this.watches.size === 1) this.#run();
        else if (connection && connection === this.#entered) {
          this.follow(watch, connection);
        }
      },
      cancel: () => {
        removeListener?.();
        this.#remove(watch);
      },
    });
  }

  #remove(watch: W): boolean {
    const found = this.watches.delete(watch);
    this.#hasDelivered ||= watch.revision > 0;
    this.leave(watch);
    if (this.watches.size === 0) this.#wake.abort();
    return found;
  }

  /** Keeps one connection open for as long as there are watches. */
  async #run(): Promise<void> {
    const { signal } = this.#wake = new AbortController();
    this.#verifyAt = this.#nextVerification();
    await this.endpoints.keep((dialed, use) => {
      onAbort(dialed.connection.signal, () => {
        for (const watch of this.watches) watch.isLive = false;
      });
      this.serve(dialed, use);
    }, signal);
  }

  /** Notes that a prefix was delivered whole. @param at as `performance.now()` */
  protected confirm(prefix: string, at: number): void {
    this.#confirmed.set(`${this.#history} ${prefix}`, at);
  }

  /** Checks the watches of a connection again and again, until it is over. */
  protected async keepChecking(connection: C, use: Use): Promise<void> {
    const pause = Math.min(this.#checkEvery, this.#verifyEvery || Infinity);
    onAbort(connection.signal, () => this.#hurry.abort());
    while (!connection.signal.aborted) {
      this.#hurry = new AbortController();
      const at = performance.now();
      const live = [...this.watches].filter((one) => one.isLive);
      try {
        const inventories = await this.#readInventories(connection, live);
        const proven = await this.check(connection, live);
        // Meanwhile another connection may follow another history.
        if (connection.signal.aborted) return;
        for (const watch of proven) {
          if (!this.watches.has(watch)) continue;
          const inventory = inventories.get(watch);
          const { isUncompared } = watch;
          if (inventory !== undefined) watch.deliver(inventory);
          // What its reader makes of that is known at the next check.
          if (isUncompared) {
            if (inventory === undefined) this.#verifyAt = 0;
            continue;
          }
          this.confirm(watch.prefix, at);
          this.#tell(watch, at);
        }
        use.proven();
        if (this.#verifyAt === 0) continue;
      } catch (error) {
        this.lose(connection, error);
      }
      await sleep(
        this.#asked.isAwaited ? IMPATIENCE : nextAlignedDelay(pause),
        this.#hurry.signal,
      );
      if (this.#asked.isAwaited) await sleep(GATHERING, connection.signal);
    }
  }

  /** Says up to which revision all was delivered, to the reader and to who asked for that. @param at when the proof began */
  #tell(watch: W, at: number): void {
    const reader = this.#readers.get(watch);
    const { prefix, complete } = watch;
    if (!reader || complete === undefined) return;
    if (complete !== reader.told) {
      reader.controller.enqueue({ type: "progress", revision: complete });
      reader.told = complete;
    }
    this.#asked.answer(prefix, complete, at);
  }

  /** What is held under each prefix, when it is time to compare that. */
  async #readInventories(
    connection: C,
    watches: readonly W[],
  ): Promise<Map<W, I>> {
    const inventories = new Map<W, I>();
    if (performance.now() < this.#verifyAt) return inventories;
    this.#verifyAt = this.#nextVerification();
    for (const watch of watches) {
      watch.beginInventory();
      inventories.set(watch, await this.readInventory(connection, watch));
    }
    return inventories;
  }

  /** Jittered, so that the lainlets of many nodes do not read at one time. */
  #nextVerification(): number {
    if (this.#verifyEvery === 0) return Infinity;
    return performance.now() + this.#verifyEvery * (0.5 + Math.random() / 2);
  }
}
