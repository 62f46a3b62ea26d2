import { getLogger } from "@logtape/logtape";
import { ContentTracker } from "../store/store.ts";

const log = getLogger(["lainlet", "watcher"]);

/** What `/readyz` and the log say of an empty store, at the start and later. */
const EMPTY = "the store holds nothing under /lain/";
const REPLACED =
  "the store was replaced by one that holds nothing under /lain/";

/**
 * Holds back the first read of all subtrees, in each history of a store, while
 * all of them are empty. Then the store is more likely the wrong one, or one
 * that lost its data, than an empty cluster; and an empty answer removes every
 * name and route of a node.
 */
export class EmptyStoreGuard {
  readonly #content = new ContentTracker();
  /** Accepts each subtree that is held back. */
  readonly #heldBack = new Map<string, () => void>();
  #problem = EMPTY;
  #isLogged = false;

  /** @param subtrees how many subtrees there are */
  constructor(private readonly subtrees: number) {}

  /** Why subtrees are held back. */
  get problem(): string {
    return this.#problem;
  }

  /** Notes that the store holds a key. @param history see {@linkcode Snapshot} */
  noteKey(history: number): void {
    this.#observe(history, true);
    if (!this.#content.hasContent) return;
    this.#problem = REPLACED;
    this.#isLogged = false;
    for (const accept of this.#heldBack.values()) accept();
    this.#heldBack.clear();
  }

  /**
   * Offers a subtree that was read.
   *
   * @param history see {@linkcode Snapshot}
   * @param accept called at once when the store is known to hold a key; later, when one appears; or never, when the store's history ends before
   * @param hasKey whether {@linkcode noteKey} follows
   * @returns whether it was called at once
   */
  offer(
    subtree: string,
    history: number,
    accept: () => void,
    hasKey = false,
  ): boolean {
    this.#observe(history, false);
    if (history !== this.#content.history) return false;
    if (this.#content.hasContent) {
      accept();
      return true;
    }
    this.#heldBack.set(subtree, accept);
    const isEmpty = this.#heldBack.size === this.subtrees && !hasKey;
    if (isEmpty && !this.#isLogged) {
      this.#isLogged = true;
      log.warn("{problem}, waiting for a key: is it the right one?", {
        problem: this.#problem,
      });
    }
    return false;
  }

  #observe(history: number, hasKey: boolean): void {
    if (this.#content.observe(history, hasKey)) this.#heldBack.clear();
  }
}
