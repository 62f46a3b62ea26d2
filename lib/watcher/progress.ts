import { sleep } from "../time.ts";
import { Waiters } from "../waiters.ts";

/** How long to wait for a revision before the store is asked, in ms: a change under the prefix is here sooner. */
const CHECK_AFTER = 100;

/** The time between two freshness checks while waiting for a revision, in ms. */
const CHECK_INTERVAL = 1_000;

/** Which revisions of the store a state contains. */
export interface Progress {
  /** The state contains everything up to this revision; 0: not known, as the state was saved. */
  readonly revision: number;
  /** The state contains nothing of a later revision. */
  readonly newest: number;
  /** The state before the last change is known to have been the store's up to this revision. */
  readonly previousValidUntil: number;
  /**
   * The last revision that was read without those before it, as in a snapshot:
   * in between, the state may have been another one, also where it is the same
   * before and after. 0: none.
   */
  readonly skippedTo: number;
  /** The store's history that the revisions are of, see {@linkcode Snapshot}; undefined: of several. */
  readonly history: number | undefined;
  /**
   * Resolves when the state contains everything up to a revision.
   *
   * @throws the signal's reason
   */
  reached(revision: number, signal: AbortSignal): Promise<void>;
  /**
   * Asks the store now, and resolves when the state contains everything that
   * the store holds at that moment.
   *
   * @throws the signal's reason
   */
  confirmed(signal: AbortSignal): Promise<void>;
}

/**
 * Waits as {@linkcode Progress.reached} does. A revision that was written
 * outside the subtree causes no event, so the store is asked when it takes
 * long.
 *
 * @throws the signal's reason
 */
export async function waitForRevision(
  progress: Progress,
  revision: number,
  signal: AbortSignal,
): Promise<void> {
  const reached = progress.reached(revision, signal);
  await Promise.race([reached, sleep(CHECK_AFTER, signal)]);
  while (progress.revision < revision) {
    await Promise.race([reached, progress.confirmed(signal)]);
    if (progress.revision >= revision) break;
    await Promise.race([reached, sleep(CHECK_INTERVAL, signal)]);
  }
}

/** A pending wait for a revision. */
interface Waiter {
  readonly revision: number;
  /** When given, the wait also ends when another history starts. */
  readonly history?: number;
}

/** The progress of a subtree of a store. */
export class SubtreeProgress implements Progress {
  #revision = 0;
  #newest = 0;
  #previousValidUntil = 0;
  #skippedTo = 0;
  #history = 0;
  readonly #waiters = new Waiters<Waiter>();

  /** @param checkFreshness asks the store, see {@linkcode Store.checkFreshness} */
  constructor(
    private readonly checkFreshness: (signal: AbortSignal) => Promise<number>,
  ) {}

  get revision(): number {
    return this.#revision;
  }

  get newest(): number {
    return this.#newest;
  }

  get previousValidUntil(): number {
    return this.#previousValidUntil;
  }

  get skippedTo(): number {
    return this.#skippedTo;
  }

  get history(): number {
    return this.#history;
  }

  /**
   * Moves on to a revision. To be called synchronously before the change is
   * applied: waiters continue after that.
   *
   * @param newest when the state also contains something of a later revision
   * @param previousValidUntil see {@linkcode Progress.previousValidUntil}; default: only the newest revision changed something
   */
  advance(
    revision: number,
    newest = revision,
    previousValidUntil = newest - 1,
  ): void {
    this.#revision = Math.max(this.#revision, revision);
    this.#newest = Math.max(this.#newest, newest);
    this.#previousValidUntil = previousValidUntil;
    if (previousValidUntil < newest - 1) this.#skippedTo = this.#newest;
    this.#resolve();
  }

  /** Moves on to another history of the store, whose revisions may be lower. */
  startHistory(history: number, revision: number, newest = revision): void {
    this.#history = history;
    this.#revision = revision;
    this.#newest = newest;
    this.#previousValidUntil = 0;
    this.#skippedTo = 0;
    this.#resolve();
  }

  #resolve(): void {
    this.#waiters.resolve(
      ({ revision, history = this.#history }) =>
        revision <= this.#revision || history !== this.#history,
      undefined,
    );
  }

  reached(revision: number, signal: AbortSignal): Promise<void> {
    return this.#wait({ revision }, signal);
  }

  async confirmed(signal: AbortSignal): Promise<void> {
    const revision = await this.checkFreshness(signal);
    // A new history may never reach this revision. It starts with a snapshot,
    // which is as fresh.
    await this.#wait({ revision, history: this.#history }, signal);
  }

  #wait(waiter: Waiter, signal: AbortSignal): Promise<void> {
    if (this.#revision >= waiter.revision) return Promise.resolve();
    return this.#waiters.wait(waiter, signal);
  }
}

/** The progress of a state that is computed from several subtrees. */
export class CombinedProgress implements Progress {
  constructor(private readonly parts: readonly Progress[]) {}

  get revision(): number {
    return Math.min(...this.parts.map((part) => part.revision));
  }

  get newest(): number {
    return Math.max(...this.parts.map((part) => part.newest));
  }

  get previousValidUntil(): number {
    return Math.min(...this.parts.map((part) => part.previousValidUntil));
  }

  get skippedTo(): number {
    return Math.max(...this.parts.map((part) => part.skippedTo));
  }

  get history(): number | undefined {
    const [first, ...others] = this.parts.map((part) => part.history);
    return others.every((other) => other === first) ? first : undefined;
  }

  async reached(revision: number, signal: AbortSignal): Promise<void> {
    await Promise.all(this.parts.map((one) => one.reached(revision, signal)));
  }

  async confirmed(signal: AbortSignal): Promise<void> {
    await Promise.all(this.parts.map((one) => one.confirmed(signal)));
  }
}
