import type { Failure, Operation, Run } from "./story.ts";
import { Story } from "./story.ts";

/** The maximal number of shorter stories that are tried. */
const MAX_TRIES = 300;

/**
 * Removes the operations that a failure does not need: halves first, then
 * smaller and smaller parts (delta debugging).
 *
 * @returns the shortest story found that violates the same rule
 */
export async function shrink(
  run: Run,
  operations: readonly Operation[],
  failure: Failure,
): Promise<Failure> {
  let [rest, found, tries] = [operations, failure, 0];
  for (let size = rest.length >> 1; size > 0;) {
    let isShorter = false;
    for (let at = 0; at < rest.length && tries < MAX_TRIES;) {
      tries++;
      const shorter = [...rest.slice(0, at), ...rest.slice(at + size)];
      const { failure: again } = await Story.run(run, shorter);
      if (again?.kind === failure.kind) {
        [rest, found, isShorter] = [shorter, again, true];
      } else at += size;
    }
    if (!isShorter || size === 1) size >>= 1;
  }
  return found;
}
