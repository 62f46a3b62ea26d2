import type { RegisteredStream } from "../broadcast/carrier.ts";

/** A reply on its way, which is looked after as streams are: it has to be read. */
export class PendingReply implements RegisteredStream {
  /** It is no listener's. */
  readonly slot = undefined;
  readonly sent = 0;
  readonly isBehind = false;
  #hasMoved = false;
  #idle = 0;

  /** A part of it was taken. */
  progressed(): void {
    this.#hasMoved = true;
  }

  tick(elapsed: number): number {
    this.#idle = this.#hasMoved ? 0 : this.#idle + elapsed;
    this.#hasMoved = false;
    return this.#idle;
  }

  /** Replies are not counted. */
  report(): void {}

  /** It ends when all of it is sent. */
  end(): void {}
}
