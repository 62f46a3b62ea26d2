import { getLogger } from "@logtape/logtape";

const log = getLogger(["lainlet", "watcher"]);

/** What `/readyz` and the log say of a store without a key that matters. */
export const EMPTY = "the store holds nothing under /lain/";

/**
 * The first read of all subtrees of a store. None of them is taken while
 * nothing was found in any: that is a wrong store more likely than an empty
 * cluster, and an empty answer takes every name and route of a node away.
 */
export class FirstRead {
  /** What takes each subtree that was read. */
  readonly #waiting = new Map<string, () => void>();
  #isOver = false;

  /** @param subtrees how many there are */
  constructor(private readonly subtrees: number) {}

  /** To be called when there is a key. */
  found(): void {
    this.#isOver = true;
    for (const take of this.#waiting.values()) take();
    this.#waiting.clear();
  }

  /**
   * To be called with each subtree that was read.
   *
   * @param take called when it counts, at once or later
   * @returns whether that was at once
   */
  read(subtree: string, take: () => void): boolean {
    if (this.#isOver) take();
    else {
      this.#waiting.set(subtree, take);
      if (this.#waiting.size === this.subtrees) {
        log.warn("{problem}, waiting for a key: is it the right one?", {
          problem: EMPTY,
        });
      }
    }
    return this.#isOver;
  }
}
