import type { SimulatedLainlet } from "./lainlet.ts";

/** A lainlet whose state is of an ended history of the store. */
interface Reader {
  readonly lainlet: SimulatedLainlet;
  /** See {@linkcode SimulatedLainlet.starts}. */
  readonly starts: number;
  /** Its last revision of that history. */
  readonly known: number;
  /** When the history ended, in ms. */
  readonly endedAt: number;
  /** The history's number in each watcher. */
  readonly numbers: ReadonlyMap<string, number | undefined>;
}

/**
 * Lainlets that may mistake a new history of the store for the one that they
 * know, on a store where only a lower revision distinguishes the two.
 */
export class EndedHistories {
  #readers: Reader[] = [];

  /** To be called when a history ends. */
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
   * Finds lainlets that may be mistaken, and allows them to miss changes, as
   * after a watch lost one.
   *
   * @param revision the store's, as clients see it
   */
  look(revision: number): void {
    this.#readers = this.#readers.filter((one) => !hasRead(one));
    for (const { lainlet: { links }, known } of this.#readers) {
      if (revision < known) continue;
      for (const link of links) link.lostAt = performance.now();
    }
  }
}

/** Whether a lainlet has read the next history, or has restarted. */
function hasRead({ lainlet, starts, endedAt, numbers }: Reader): boolean {
  if (!lainlet.isUp || starts !== lainlet.starts) return true;
  const now = performance.now();
  return subtrees(lainlet).every(([name, watcher]) =>
    watcher.heldBack !== undefined ||
    watcher.progress?.history !== numbers.get(name) ||
    now - watcher.age() > endedAt
  );
}

/** The watchers that read from the store, by name. */
function subtrees({ lainlet: { cluster } }: SimulatedLainlet) {
  const { config, depends, nodes, podgroup } = cluster;
  return Object.entries({ config, depends, nodes, podgroup });
}
