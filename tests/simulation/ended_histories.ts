import { config } from "../../lib/watcher/config.ts";
import { depends } from "../../lib/watcher/depends.ts";
import { nodes } from "../../lib/watcher/nodes.ts";
import { podgroup } from "../../lib/watcher/podgroup.ts";
import type { SimulatedLainlet } from "./lainlet.ts";

/** A lainlet whose state may still be of an ended history of the store. */
interface OutdatedLainlet {
  readonly lainlet: SimulatedLainlet;
  /** See {@linkcode SimulatedLainlet.starts}. */
  readonly starts: number;
  /** Its last revision in that history. */
  readonly revision: number;
  /** When the history ended, in ms. */
  readonly endedAt: number;
  /** By watcher: its number of that history. */
  readonly histories: ReadonlyMap<string, number | undefined>;
}

/**
 * Whether a new history has the same last change under a prefix as the ended
 * one, as far as that was known.
 *
 * @param known the last known revision
 */
type IsAlike = (prefix: string, known: number) => boolean;

/**
 * Finds lainlets that may mistake a new history of the store for the one that
 * they know: where it is alike, only a lower revision distinguishes the two.
 */
export class EndedHistories {
  #outdated: OutdatedLainlet[] = [];

  /** To be called when a history ends. */
  end(lainlets: readonly SimulatedLainlet[], isAlike: IsAlike): void {
    const endedAt = performance.now();
    for (const lainlet of lainlets) {
      if (!lainlet.isUp) continue;
      const { starts, lainlet: { store } } = lainlet;
      const { revision } = store.status;
      const mayBeMistaken = revision > 0 &&
        subtreeWatchers(lainlet).every(([name, { progress }]) =>
          isAlike(PREFIXES[name], progress?.revision ?? 0)
        );
      if (!mayBeMistaken) continue;
      const histories = new Map(
        subtreeWatchers(lainlet).map(([name, { progress }]) =>
          [name, progress?.history] as const
        ),
      );
      this.#outdated.push({ lainlet, starts, revision, endedAt, histories });
    }
  }

  /**
   * Allows lainlets that may be mistaken to miss changes, as after a watch lost
   * one; to be called after each step.
   *
   * @param current the store's revision, as clients see it
   */
  update(current: number): void {
    this.#outdated = this.#outdated.filter((one) => !isUpdated(one));
    for (const { lainlet: { links }, revision } of this.#outdated) {
      if (current < revision) continue;
      for (const link of links) {
        link.lostAt = performance.now();
        // No check finds it: only a comparison of all keys does.
        link.losses = Math.max(link.losses, 2);
      }
    }
  }
}

/** Whether a lainlet has read the next history, or has restarted. */
function isUpdated(
  { lainlet, starts, endedAt, histories }: OutdatedLainlet,
): boolean {
  if (!lainlet.isUp || starts !== lainlet.starts) return true;
  const now = performance.now();
  return subtreeWatchers(lainlet).every(([name, watcher]) =>
    watcher.heldBack !== undefined ||
    watcher.progress?.history !== histories.get(name) ||
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
function subtreeWatchers({ lainlet: { cluster } }: SimulatedLainlet) {
  return NAMES.map((name) => [name, cluster[name]] as const);
}
