import type { Store } from "../store/store.ts";
import type { Cluster } from "../watcher/cluster.ts";

/** Returns why the state is not complete and current, the cause first; none if it is. */
export function notReadyReasons(
  { cluster, staleAfter, store }: {
    readonly cluster: Cluster;
    readonly staleAfter: number;
    readonly store: Pick<Store, "status">;
  },
): string[] {
  const empty = heldBackReason(cluster);
  const reasons = empty ? [empty] : staleReasons(cluster, staleAfter);
  return reasons.length === 0 ? [] : [...store.status.problems, ...reasons];
}

/** Describes subtrees that are unread or stale; those with the same reason in one sentence. */
function staleReasons(cluster: Cluster, staleAfter: number): string[] {
  const all = Object.values(cluster).flatMap(
    ({ name, isSynced, age, saved }) => {
      const [file, seconds] = [saved(), Math.floor(age() / 1000)];
      const what = !isSynced
        ? "is not read yet"
        : file !== undefined
        ? `is from ${file}, ${seconds} s old`
        : age() > staleAfter
        ? `was last confirmed ${seconds} s ago`
        : "";
      return what === "" ? [] : [{ name, what }];
    },
  );
  const groups = Map.groupBy(all, ({ what }) => what);
  return Array.from(groups, ([what, group]) => {
    const names = group.map(({ name }) => name);
    const last = names.pop();
    if (names.length === 0) return `${last} ${what}`;
    const plural = what.replace(/^is/, "are").replace(/^was/, "were");
    return `${names.join(", ")} and ${last} ${plural}`;
  });
}

/** Returns why the last read of the store is held back (the store was empty); undefined if it is not. */
export function heldBackReason(
  { config, depends, nodes, podgroup }: Cluster,
): string | undefined {
  return [depends, nodes, podgroup].every((one) => one.heldBack)
    ? config.heldBack
    : undefined;
}
