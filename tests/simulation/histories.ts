import type { SimulatedLainlet } from "./lainlet.ts";

/** A lainlet that knows a history of the store which has ended. */
interface Reader {
  readonly lainlet: SimulatedLainlet;
  /** See {@linkcode SimulatedLainlet.starts}. */
  readonly starts: number;
  /** The last revision of that history that it knows. */
  readonly known: number;
  /** When the history ended, in ms. */
  readonly endedAt: number;
  /** The number that each watcher has for that history. */
  readonly numbers: ReadonlyMap<string, number | undefined>;
}

/**
 * Lainlets that may take another history of the store for the one that they
 * know, where only a lower revision distinguishes the two.
 */
export class EndedHistories {
  #readers: Reader[] = [];

  /** To be called when the history that lainlets know has ended. */
  end(lainlets: readonly SimulatedLainlet[]): void {
    const endedAt = performance.now();
    for (const lainlet of lainlets) {
      if (!lainlet.isUp) continue;
      const { starts, lainlet: { store } } = lainlet;
      const known = store.status.revision;
      if (known === 0) continue;
      const numbers = new Map(
        subtrees(lainlet).map(([name, { progress }]) =>
          [name, progress?.history] as const
        ),
      );
      this.#readers.push({ lainlet, starts, known, endedAt, numbers });
    }
  }

  /**
   * Looks for lainlets that may be mistaken: what they miss for that is allowed
   * as what a watch has lost.
   *
   * @param revision the store's, as clients know it
   */
  look(revision: number): void {
    this.#readers = this.#readers.filter((one) => !hasRead(one));
    for (const { lainlet: { links }, known } of this.#readers) {
      if (revision < known) continue;
      for (const link of links) link.lostAt = performance.now();
    }
  }
}

/** Whether a lainlet has read the history that came next, or knows none any more. */
function hasRead({ lainlet, starts, endedAt, numbers }: Reader): boolean {
  if (!lainlet.isUp || starts !== lainlet.starts) return true;
  const now = performance.now();
  return subtrees(lainlet).every(([name, watcher]) =>
    watcher.heldBack !== undefined ||
    watcher.progress?.history !== numbers.get(name) ||
    now - watcher.age() > endedAt
  );
}

/** The watchers of what is read from the store, each with its name. */
function subtrees({ lainlet: { cluster } }: SimulatedLainlet) {
  const { config, depends, nodes, podgroup } = cluster;
  return Object.entries({ config, depends, nodes, podgroup });
}
