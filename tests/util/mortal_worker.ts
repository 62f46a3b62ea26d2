/**
 * A thread of lainlet's that dies when it is told to, by an error that nobody
 * catches; lainlet's own would log that, and go on.
 *
 * @module
 */
import "../../lib/http/worker.ts";

addEventListener("error", (event) => event.stopImmediatePropagation());
addEventListener("message", (event) => {
  if (event instanceof MessageEvent && event.data === DIE) {
    throw new Error("it was told to die");
  }
});

/** What tells it. */
export const DIE = "die";
