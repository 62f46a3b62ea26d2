import type { Container, Pod, PodGroup } from "./podgroup.ts";
import { Watcher } from "./watcher.ts";

/** A container with its pod and its pod group. */
export interface PlacedContainer {
  readonly group: PodGroup;
  readonly pod: Pod;
  readonly container: Container;
}

/**
 * Derives the containers from the pod groups. Each has two entries, under its
 * node's name and its node's address, with the key
 * `<node>/\0<pod group key>\0<index in the group>`. The key does not contain
 * the id: ids are long, and not unique (empty while a container is created).
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
      for (const [at] of entriesOf(key, previous)) placed.set(at, undefined);
    }
    for (const { key, value } of changes) {
      for (const [at, container] of entriesOf(key, value)) {
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
    // Insertions in key order leave full chunks in the sorted map.
    watcher.apply([...placed].sort(([a], [b]) => a < b ? -1 : 1), readAt);
  });
  podgroups.synced.then(() => watcher.sync());
  podgroups.read.then(() => watcher.sync());
  return watcher;
}

/** The `<node>/<container id>` of a container, from its key in the watcher. */
export function containerKey(key: string, { id }: Container): string {
  return key.slice(0, key.indexOf("\0")) + id;
}

function* entriesOf(
  key: string,
  group: PodGroup | undefined,
): Generator<[key: string, placed: PlacedContainer]> {
  if (group === undefined) return;
  let index = 0;
  for (const pod of group.pods) {
    for (const container of pod.containers) {
      const suffix = `/\0${key}\0${index++}`;
      yield [container.nodeName + suffix, { group, pod, container }];
      yield [container.nodeIp + suffix, { group, pod, container }];
    }
  }
}
