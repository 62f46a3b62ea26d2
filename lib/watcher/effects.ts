import { getLogger } from "@logtape/logtape";
import { errorTrace } from "../log.ts";

const log = getLogger(["lainlet", "watcher"]);

/**
 * The phases in which one change takes effect, after the values that it
 * replaced: what is derived of them, who may see what, then topics. Nothing is
 * sent before everything that decides about it has changed. Within a phase,
 * order does not matter.
 */
export const PHASES = ["derived", "rights", "topics"] as const;

export type Phase = typeof PHASES[number];

/** The effects of changes that are under way, run phase by phase. */
export class Effects {
  readonly #pending = PHASES.map((): (() => void)[] => []);
  #isRunning = false;

  /** Adds an effect of the change that is under way, or of a new one. */
  add(phase: Phase, effect: () => void): void {
    this.#pending[PHASES.indexOf(phase)]?.push(effect);
  }

  /**
   * Runs all effects, those of the earliest phase first, also those that are
   * added meanwhile. Within an effect it does nothing: they are run already.
   */
  run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next; (next = this.#next()) !== undefined;) next();
    this.#isRunning = false;
  }

  #next(): (() => void) | undefined {
    return this.#pending.find(({ length }) => length > 0)?.shift();
  }
}

/** Listeners to something that changes, by the phase to which they belong. */
export class Publisher<A extends readonly unknown[]> {
  readonly #listeners = new Map(
    PHASES.map((phase) => [phase, new Set<(...args: A) => void>()]),
  );

  /**
   * @param name of what changes, for the log
   * @param effects those of everything that changes together with it
   */
  constructor(private readonly name: string, readonly effects: Effects) {}

  /** @returns ends the subscription */
  subscribe(phase: Phase, listener: (...args: A) => void): () => void {
    const listeners = this.#listeners.get(phase);
    listeners?.add(listener);
    return () => listeners?.delete(listener);
  }

  /** Calls all listeners, each in its phase; one that throws keeps none from hearing. */
  publish(...args: A): void {
    for (const [phase, listeners] of this.#listeners) {
      if (listeners.size === 0) continue;
      this.effects.add(phase, () => this.#call(listeners, args));
    }
    this.effects.run();
  }

  #call(listeners: Iterable<(...args: A) => void>, args: A): void {
    for (const listener of listeners) {
      try {
        listener(...args);
      } catch (error) {
        log.error("a listener of {watcher} failed", {
          watcher: this.name,
          error: errorTrace(error),
        });
      }
    }
  }
}
