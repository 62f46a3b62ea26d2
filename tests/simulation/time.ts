import { Random } from "../util/model.ts";
import { Clock } from "./clock.ts";

const realImmediate = globalThis.setImmediate;
const realRandom = Math.random;

/** When a simulation begins, in ms since 1970. */
const BEGIN = Date.UTC(2024, 0, 1);

/**
 * Simulated time: timers, `Date` and `performance.now` of this process, and
 * `Math.random` from a seed. Nothing happens by itself: {@linkcode run} fires
 * one timer after the other, and whatever that brings about is over before the
 * next one fires. So one seed gives one run.
 */
export class Time implements Disposable {
  readonly #clock = new Clock(BEGIN);

  constructor(seed: number) {
    const random = new Random(seed);
    Math.random = () => random.below(1e9) / 1e9;
  }

  /** Since the simulation began, in ms; a clock that is set does not change it. */
  get now(): number {
    return performance.now();
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#clock.timers;
  }

  /** Waits until nothing more happens without a timer. */
  settle(): Promise<void> {
    return new Promise((resolve) => realImmediate(() => resolve()));
  }

  /**
   * Lets time pass.
   *
   * @param ms how much
   * @param onStep called whenever something may have happened
   */
  async run(ms: number, onStep: () => void = () => {}): Promise<void> {
    await this.settle();
    let isOver = false;
    setTimeout(() => isOver = true, ms);
    while (!isOver) {
      this.#clock.next();
      await this.settle();
      onStep();
    }
  }

  /** Time passes and nothing runs, as in a process that is suspended. */
  async suspend(ms: number): Promise<void> {
    this.#clock.jump(ms);
    await this.settle();
  }

  /** Sets the wall clock, forward or back. */
  setClock(by: number): void {
    this.#clock.set(by);
  }

  [Symbol.dispose](): void {
    this.#clock[Symbol.dispose]();
    Math.random = realRandom;
  }
}
