import { Unavailable } from "../errors.ts";
import type { Guard } from "./materialized.ts";
import { checkDepth, Fields } from "../watcher/fields.ts";
import type { Pod, PodGroup } from "../watcher/podgroup.ts";

/** A port of an app that the stream router opens, and where it leads. */
export interface StreamPort {
  readonly srcport: number;
  readonly dstport: number;
}

/** How many of the pods have an address on their first container. */
export function countAddressed(pods: readonly Pod[]): number {
  return pods.filter(({ containers: [first] }) => (first?.ip ?? "") !== "")
    .length;
}

/** How many pods a group has, and how many of them have an address. */
interface Routed {
  readonly pods: number;
  readonly addressed: number;
}

/**
 * Protects running routers: when a cluster lost its addresses, a router that
 * is told so drops routes that may still work, one that is told nothing keeps
 * them. There is no answer when there are no pods, or fewer than half of them
 * have an address.
 */
export const ROUTERS_GUARD: Guard<Routed> = {
  counts: ({ pods, addressed }) => [pods, addressed],
  check([pods = 0, addressed = 0]) {
    if (pods === 0 || addressed * 2 < pods) {
      throw new Unavailable("over half of the containers lost their IPs");
    }
  },
};

/** {@linkcode ROUTERS_GUARD} of all groups. @throws {Unavailable} when there is no answer */
export function guardRouters(groups: readonly Routed[]): void {
  ROUTERS_GUARD.check([
    groups.reduce((sum, group) => sum + group.pods, 0),
    groups.reduce((sum, group) => sum + group.addressed, 0),
  ]);
}

/** The ports that a group's annotation lists, sorted by `srcport`; none when it is not such JSON. */
export function portsOf({ annotation }: PodGroup): StreamPort[] {
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
