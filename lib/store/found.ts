/** Whether there was a key in the newest of a store's histories, see {@linkcode Snapshot}. */
export class ContentTracker {
  #history = 0;
  #isFound = false;

  get history(): number {
    return this.#history;
  }

  get hasContent(): boolean {
    return this.#isFound;
  }

  /**
   * Notes what was read of a history.
   *
   * @returns whether that is a newer one, of which nothing was noted before
   */
  observe(history: number, hasKey: boolean): boolean {
    const isNewer = history > this.#history;
    if (isNewer) {
      this.#history = history;
      this.#isFound = false;
    }
    if (history === this.#history) this.#isFound ||= hasKey;
    return isNewer;
  }
}
