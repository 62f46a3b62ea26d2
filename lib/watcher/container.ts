import type { Container, Pod, PodGroup } from "./podgroup.ts";
import { Watcher } from "./watcher.ts";

/** A container, and where in the cluster it belongs. */
export interface PlacedContainer {
  readonly group: PodGroup;
  readonly pod: Pod;
  readonly container: Container;
}

/**
 * All containers by the node they run on, derived from the pod groups. Each
 * is there twice, under its node's name and its node's address, at
 * `<node>/\0<pod group key>\0<place in the group>`: no id is in it, as some
 * occur twice (empty ones, while a container is being made) and all are long.
 */
export function containers(
  podgroups: Watcher<PodGroup>,
): Watcher<PlacedContainer> {
  const watcher = new Watcher<PlacedContainer>(
    "container",
    podgroups.age,
    podgroups.saved,
    podgroups.progress,
    podgroups.effects,
  );
  podgroups.subscribe("derived", (changes, readAt) => {
    const placed = new Map<string, PlacedContainer | undefined>();
    for (const { key, previous } of changes) {
      for (const [at] of places(key, previous)) placed.set(at, undefined);
    }
    for (const { key, value } of changes) {
      for (const [at, container] of places(key, value)) {
        placed.set(at, container);
      }
    }
    const { Action, ModifiedIndex } = podgroups.lastEvent;
    for (const [at, value] of placed) {
      const { container } = value ?? watcher.get(at) ?? {};
      if (container === undefined) continue;
      watcher.recordEvent(
        Action === "init" ? "init" : value === undefined ? "delete" : "update",
        Action === "init" ? "" : containerKey(at, container),
        ModifiedIndex,
      );
    }
    // What comes in order is put together more tightly.
    watcher.apply([...placed].sort(([a], [b]) => a < b ? -1 : 1), readAt);
  });
  podgroups.synced.then(() => watcher.sync());
  return watcher;
}

/** The `<node>/<container id>` of a container, by its key in the watcher. */
export function containerKey(key: string, { id }: Container): string {
  return key.slice(0, key.indexOf("\0")) + id;
}

function* places(
  key: string,
  group: PodGroup | undefined,
): Generator<[key: string, placed: PlacedContainer]> {
  if (group === undefined) return;
  let place = 0;
  for (const pod of group.pods) {
    for (const container of pod.containers) {
      const rest = `/\0${key}\0${place++}`;
      yield [container.nodeName + rest, { group, pod, container }];
      yield [container.nodeIp + rest, { group, pod, container }];
    }
  }
}
