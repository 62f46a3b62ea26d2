/**
 * A thread of lainlet's that dies when it is told to, by an error that nobody
 * catches; lainlet's own would log that, and go on. It also hangs when it is
 * sent shared memory, until that is notified.
 *
 * @module
 */
import "../../lib/http/worker.ts";

addEventListener("error", (event) => event.stopImmediatePropagation());
addEventListener("message", (event) => {
  if (event instanceof MessageEvent && event.data === DIE) {
    throw new Error("it was told to die");
  }
  if (event instanceof MessageEvent && event.data instanceof Int32Array) {
    Atomics.wait(event.data, 0, 0);
  }
});

/** What tells it. */
export const DIE = "die";
