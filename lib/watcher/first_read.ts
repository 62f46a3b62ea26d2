import { getLogger } from "@logtape/logtape";
import type { Watcher } from "./watcher.ts";

const log = getLogger(["lainlet", "watcher"]);

/** What `/readyz` and the log say of a store without a key that matters. */
export const EMPTY = "the store holds nothing under /lain/";

/**
 * The first read of all subtrees of a store. None of them counts as read while
 * nothing was found in any: that is a wrong store more likely than an empty
 * cluster, and an empty answer takes every name and route of a node away.
 */
export class FirstRead {
  readonly #waiting = new Set<Pick<Watcher<unknown>, "sync">>();
  #isOver = false;

  /** @param subtrees how many there are */
  constructor(private readonly subtrees: number) {}

  /** To be called when there is a key. */
  found(): void {
    this.#isOver = true;
    for (const watcher of this.#waiting) watcher.sync();
    this.#waiting.clear();
  }

  /** To be called with each watcher that has read its subtree. */
  read(watcher: Pick<Watcher<unknown>, "sync">): void {
    if (this.#isOver) return watcher.sync();
    this.#waiting.add(watcher);
    if (this.#waiting.size === this.subtrees) {
      log.warn("{problem}, waiting for a key: is it the right one?", {
        problem: EMPTY,
      });
    }
  }
}
