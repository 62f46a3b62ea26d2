import type { Failure, Operation, Run } from "./story.ts";
import { Story } from "./story.ts";

/** How many shorter stories are tried at most. */
const MOST = 300;

/**
 * Leaves out what is not needed for a failure: halves first, then ever smaller
 * parts (delta debugging).
 *
 * @returns the shortest story that was found to fail
 */
export async function shrink(
  run: Run,
  operations: readonly Operation[],
  failure: Failure,
): Promise<Failure> {
  let [rest, found, tries] = [operations, failure, 0];
  for (let size = rest.length >> 1; size > 0;) {
    let isShorter = false;
    for (let at = 0; at < rest.length && tries < MOST;) {
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
