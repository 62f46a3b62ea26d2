import { Random } from "../util/model.ts";
import { Clock } from "./clock.ts";

const realImmediate = globalThis.setImmediate;
const realRandom = Math.random;

/** When a simulation begins, in ms since 1970. */
const BEGIN = Date.UTC(2024, 0, 1);

/**
 * Simulated time: timers, `Date` and `performance.now` of this process, and
 * `Math.random` from a seed. {@linkcode run} fires one timer after the other,
 * and all microtasks of one are done before the next one fires. So one seed
 * gives one run.
 */
export class Time implements Disposable {
  readonly #clock = new Clock(BEGIN);

  constructor(seed: number) {
    const random = new Random(seed);
    Math.random = () => random.below(1e9) / 1e9;
  }

  /** Since the simulation began, in ms; a change of the wall clock has no effect. */
  get now(): number {
    return performance.now();
  }

  /** The number of pending timers. */
  get timers(): number {
    return this.#clock.timers;
  }

  /** Waits until all microtasks are done. */
  settle(): Promise<void> {
    return new Promise((resolve) => realImmediate(() => resolve()));
  }

  /**
   * Lets time pass.
   *
   * @param onStep called after each timer
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

  /** Lets time pass while nothing runs, as in a suspended process. */
  async suspend(ms: number): Promise<void> {
    this.#clock.jump(ms);
    await this.settle();
  }

  /** Changes the wall clock, forward or back. @param by in ms */
  setClock(by: number): void {
    this.#clock.set(by);
  }

  [Symbol.dispose](): void {
    this.#clock[Symbol.dispose]();
    Math.random = realRandom;
  }
}
