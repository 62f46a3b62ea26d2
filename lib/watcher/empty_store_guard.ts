import { getLogger } from "@logtape/logtape";
import { ContentTracker } from "../store/store.ts";

const log = getLogger(["lainlet", "watcher"]);

/** What `/readyz` and the log say of a store without a key that matters, at the start and later. */
const EMPTY = "the store holds nothing under /lain/";
const REPLACED =
  "the store was replaced by one that holds nothing under /lain/";

/**
 * The first read of all subtrees in each history of a store. None of them is
 * taken while nothing was found in any: that is a wrong store, or one that
 * lost its data, more likely than an empty cluster, and an empty answer takes
 * every name and route of a node away.
 */
export class EmptyStoreGuard {
  readonly #found = new ContentTracker();
  /** What takes each subtree that was read. */
  readonly #waiting = new Map<string, () => void>();
  #problem = EMPTY;
  #isTold = false;

  /** @param subtrees how many there are */
  constructor(private readonly subtrees: number) {}

  /** Why what was read is not taken, while that is so. */
  get problem(): string {
    return this.#problem;
  }

  /** To be called when there is a key. @param history see {@linkcode Snapshot} */
  noteKey(history: number): void {
    this.#note(history, true);
    if (!this.#found.hasContent) return;
    this.#problem = REPLACED;
    this.#isTold = false;
    for (const take of this.#waiting.values()) take();
    this.#waiting.clear();
  }

  /**
   * To be called with each subtree that was read.
   *
   * @param history see {@linkcode Snapshot}
   * @param take called when it counts: at once, later, or never, when there is another history
   * @returns whether that was at once
   */
  offer(subtree: string, history: number, take: () => void): boolean {
    this.#note(history, false);
    if (history !== this.#found.history) return false;
    if (this.#found.hasContent) {
      take();
      return true;
    }
    this.#waiting.set(subtree, take);
    if (this.#waiting.size === this.subtrees && !this.#isTold) {
      this.#isTold = true;
      log.warn("{problem}, waiting for a key: is it the right one?", {
        problem: this.#problem,
      });
    }
    return false;
  }

  #note(history: number, hasKey: boolean): void {
    if (this.#found.observe(history, hasKey)) this.#waiting.clear();
  }
}
