import { sleep } from "../time.ts";
import { Waiters } from "../waiters.ts";

/** How soon what was written under a prefix is there by itself, in ms; otherwise it is asked for. */
const SOON = 100;

/** Time between two proofs that a revision is there which is not, in ms. */
const PAUSE = 1_000;

/** Up to which revision of the store some state is known. */
export interface Progress {
  /** Everything up to this revision is in the state; 0: that is not known, as the state was saved. */
  readonly revision: number;
  /** Nothing of a later revision is in the state. */
  readonly newest: number;
  /** Up to this revision the state before the last change is known to have been the store's. */
  readonly previousValidUntil: number;
  /** Which of the store's histories the revisions are of, see {@linkcode Snapshot}; undefined: of several. */
  readonly history: number | undefined;
  /**
   * Resolves when everything up to a revision is in the state.
   *
   * @throws the signal's reason
   */
  reached(revision: number, signal: AbortSignal): Promise<void>;
  /**
   * Asks the store now, and resolves when everything that it held then is in
   * the state.
   *
   * @throws the signal's reason
   */
  confirmed(signal: AbortSignal): Promise<void>;
}

/**
 * As {@linkcode Progress.reached}. What was written elsewhere in the store
 * brings nothing by which this would be known: so the store is asked, when it
 * takes long.
 *
 * @throws the signal's reason
 */
export async function waitForRevision(
  progress: Progress,
  revision: number,
  signal: AbortSignal,
): Promise<void> {
  const reached = progress.reached(revision, signal);
  await Promise.race([reached, sleep(SOON, signal)]);
  while (progress.revision < revision) {
    await Promise.race([reached, progress.confirmed(signal)]);
    if (progress.revision >= revision) break;
    await Promise.race([reached, sleep(PAUSE, signal)]);
  }
}

/** A revision that somebody waits for. */
interface Waiting {
  readonly revision: number;
  /** The wait ends, too, when another history begins; undefined: it does not. */
  readonly history?: number;
}

/** The progress of a subtree of a store. */
export class SubtreeProgress implements Progress {
  #revision = 0;
  #newest = 0;
  #before = 0;
  #history = 0;
  readonly #waiters = new Waiters<Waiting>();

  /** @param prove asks the store, see {@linkcode Store.checkFreshness} */
  constructor(
    private readonly prove: (signal: AbortSignal) => Promise<number>,
  ) {}

  get revision(): number {
    return this.#revision;
  }

  get newest(): number {
    return this.#newest;
  }

  get previousValidUntil(): number {
    return this.#before;
  }

  get history(): number {
    return this.#history;
  }

  /**
   * To be called before anybody is told what the revision brought, and in one
   * step with that: whoever waits goes on after it.
   *
   * @param newest when some of a later one is there, too
   * @param before see {@linkcode Progress.previousValidUntil}; default: only the newest revision changed something
   */
  advance(revision: number, newest = revision, before = newest - 1): void {
    this.#revision = Math.max(this.#revision, revision);
    this.#newest = Math.max(this.#newest, newest);
    this.#before = before;
    this.#resolve();
  }

  /** As {@linkcode advance}, in another history of the store, whose revisions may be less. */
  startHistory(history: number, revision: number, newest = revision): void {
    this.#history = history;
    this.#revision = revision;
    this.#newest = newest;
    this.#before = 0;
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
    const revision = await this.prove(signal);
    // A new history may never reach this revision; it begins with a state that
    // was read again.
    await this.#wait({ revision, history: this.#history }, signal);
  }

  #wait(waiting: Waiting, signal: AbortSignal): Promise<void> {
    if (this.#revision >= waiting.revision) return Promise.resolve();
    return this.#waiters.wait(waiting, signal);
  }
}

/** The progress of a state that is made of several subtrees. */
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
