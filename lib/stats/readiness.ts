import type { Cluster } from "../watcher/cluster.ts";
import type { Store } from "../store/store.ts";

/** Why the state is not complete and recent, the cause first; none: it is. */
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

/** What is not read, or old: of what is so alike it is said once. */
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
  const alike = Map.groupBy(all, ({ what }) => what);
  return Array.from(alike, ([what, some]) => {
    const names = some.map(({ name }) => name);
    const last = names.pop();
    if (names.length === 0) return `${last} ${what}`;
    const several = what.replace(/^is/, "are").replace(/^was/, "were");
    return `${names.join(", ")} and ${last} ${several}`;
  });
}

/** Why nothing of what was read last is taken: the store is empty. Undefined: something is taken. */
export function heldBackReason(
  { config, depends, nodes, podgroup }: Cluster,
): string | undefined {
  return [depends, nodes, podgroup].every((one) => one.heldBack)
    ? config.heldBack
    : undefined;
}
