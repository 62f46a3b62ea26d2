import { Unavailable } from "../errors.ts";
import { memo } from "../memo.ts";
import { checkDepth, Fields } from "../watcher/fields.ts";
import type { PodGroup } from "../watcher/podgroup.ts";
import type { Guard } from "./materialized.ts";

/** A port of an app that the stream router opens, and the container's port that it leads to. */
export interface StreamPort {
  readonly srcport: number;
  readonly dstport: number;
}

/**
 * Protects running routers. When a cluster has lost its addresses, a router
 * that gets this state drops routes that may still work; one that gets nothing
 * keeps them. So there is no answer while there are no pods, or fewer than half
 * of them have an address on their first container.
 *
 * @param isRouted whether the router routes to a group's pods
 */
export function routersGuard(
  isRouted: (group: PodGroup) => boolean,
): Guard<PodGroup> {
  return {
    counts(group) {
      if (!isRouted(group)) return [0, 0];
      const addressed = group.pods.filter(({ containers: [first] }) =>
        (first?.ip ?? "") !== ""
      );
      return [group.pods.length, addressed.length];
    },
    check([pods = 0, addressed = 0]) {
      if (pods === 0 || addressed * 2 < pods) {
        throw new Unavailable("over half of the containers lost their IPs");
      }
    },
  };
}

const ports = new WeakMap<PodGroup, readonly StreamPort[]>();

/** The ports that a group's annotation lists, sorted by `srcport`; none when it is not such JSON. */
export function portsOf(group: PodGroup): readonly StreamPort[] {
  return memo(ports, group, () => parsePorts(group.annotation));
}

function parsePorts(annotation: string): StreamPort[] {
  try {
    return Fields.of(JSON.parse(checkDepth(annotation))).objects("ports")
      .map((port) => ({
        srcport: port.number("srcport"),
        dstport: port.number("dstport"),
      }))
      .sort((a, b) => a.srcport - b.srcport);
  } catch {
    return []; // An annotation is free text.
  }
}
