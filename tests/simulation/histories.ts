import { config } from "../../lib/watcher/config.ts";
import { depends } from "../../lib/watcher/depends.ts";
import { nodes } from "../../lib/watcher/nodes.ts";
import { podgroup } from "../../lib/watcher/podgroup.ts";
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
 * Whether a new history has the same last change under a prefix as the ended
 * one, as far as that was known.
 *
 * @param known the last known revision
 */
type IsAlike = (prefix: string, known: number) => boolean;

/**
 * Lainlets that may mistake a new history of the store for the one that they
 * know: where it is alike, only a lower revision distinguishes the two.
 */
export class EndedHistories {
  #readers: Reader[] = [];

  /** To be called when a history ends. */
  end(lainlets: readonly SimulatedLainlet[], isAlike: IsAlike): void {
    const endedAt = performance.now();
    for (const lainlet of lainlets) {
      if (!lainlet.isUp) continue;
      const { starts, lainlet: { store } } = lainlet;
      const known = store.status.revision;
      const isMistakable = known > 0 &&
        subtrees(lainlet).every(([name, { progress }]) =>
          isAlike(PREFIXES[name], progress?.revision ?? 0)
        );
      if (!isMistakable) continue;
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
      for (const link of links) {
        link.lostAt = performance.now();
        // No check finds it: only a comparison of all keys does.
        link.losses = Math.max(link.losses, 2);
      }
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

/** The prefix of each watcher that reads from the store. */
const PREFIXES = {
  config: config.prefix,
  depends: depends.prefix,
  nodes: nodes.prefix,
  podgroup: podgroup.prefix,
};

const NAMES = ["config", "depends", "nodes", "podgroup"] as const;

/** The watchers that read from the store, by name. */
function subtrees({ lainlet: { cluster } }: SimulatedLainlet) {
  return NAMES.map((name) => [name, cluster[name]] as const);
}
