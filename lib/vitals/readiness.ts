import type { Cluster } from "../watcher/cluster.ts";
import { EMPTY } from "../watcher/first_read.ts";
import type { Readings } from "./readings.ts";

/** Why the state is not complete and recent; none: it is. */
export function whyNotReady(
  { cluster, staleAfter, store }: Pick<
    Readings,
    "cluster" | "staleAfter" | "store"
  >,
): string[] {
  const reasons = isEmpty(cluster)
    ? [EMPTY]
    : Object.values(cluster).flatMap(({ name, isSynced, age, saved }) => {
      if (!isSynced) return [`${name} is not read yet`];
      const [file, seconds] = [saved(), Math.floor(age() / 1000)];
      if (file !== undefined) {
        return [`${name} is from ${file}, ${seconds} s old`];
      }
      if (age() <= staleAfter) return [];
      return [`${name} was last confirmed ${seconds} s ago`];
    });
  return reasons.length === 0 ? [] : [...reasons, ...store.status.problems];
}

/** Whether all was read, and is not taken, as there is nothing. */
function isEmpty({ config, depends, nodes, podgroup }: Cluster): boolean {
  return [config, depends, nodes, podgroup].every((one) => one.isHeldBack);
}
