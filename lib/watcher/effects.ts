import { getLogger } from "@logtape/logtape";
import { errorTrace } from "../log.ts";

const log = getLogger(["lainlet", "watcher"]);

/**
 * The phases in which a change takes effect after a watcher's values were
 * replaced: first what is derived of them, then rights, then topics. So
 * nothing is sent before everything that decides about it has changed. Within
 * a phase, the order does not matter.
 */
export const PHASES = ["derived", "rights", "topics"] as const;

export type Phase = typeof PHASES[number];

/** Runs the effects of changes, phase by phase. */
export class Effects {
  readonly #pending = PHASES.map((): (() => void)[] => []);
  #isRunning = false;

  /** Adds an effect, to be run in its phase. */
  add(phase: Phase, effect: () => void): void {
    this.#pending[PHASES.indexOf(phase)]?.push(effect);
  }

  /**
   * Runs all pending effects, the earliest phase first, including those that
   * effects add. Does nothing when called by an effect.
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

/** Calls subscribers with each change, in their phases. */
export class Publisher<A extends readonly unknown[]> {
  readonly #subscribers = new Map(
    PHASES.map((phase) => [phase, new Set<(...args: A) => void>()]),
  );

  /**
   * @param name what changes, for the log
   * @param effects shared by everything that one change affects
   */
  constructor(private readonly name: string, readonly effects: Effects) {}

  /** @returns ends the subscription */
  subscribe(phase: Phase, subscriber: (...args: A) => void): () => void {
    const subscribers = this.#subscribers.get(phase);
    subscribers?.add(subscriber);
    return () => subscribers?.delete(subscriber);
  }

  /** Calls all subscribers. One that throws is logged, and does not affect others. */
  publish(...args: A): void {
    for (const [phase, subscribers] of this.#subscribers) {
      if (subscribers.size === 0) continue;
      this.effects.add(phase, () => this.#call(subscribers, args));
    }
    this.effects.run();
  }

  #call(subscribers: Iterable<(...args: A) => void>, args: A): void {
    for (const subscriber of subscribers) {
      try {
        subscriber(...args);
      } catch (error) {
        log.error("a subscriber of {watcher} failed", {
          watcher: this.name,
          error: errorTrace(error),
        });
      }
    }
  }
}
