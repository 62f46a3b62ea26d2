import { checkDepth, Fields } from "./fields.ts";
import { parse } from "../json.ts";
import type { Subtree } from "./subtree.ts";

/** The portal pods of a service: on each node, one for each app that uses the service. */
export interface Depends {
  /** The app that offers the service, from the portal pod's name. */
  readonly service: string;
  readonly nodes: readonly NodePortals[];
}

/** The portals of one service on one node. */
export interface NodePortals {
  readonly name: string;
  readonly portals: readonly Portal[];
}

/** A portal: the pod through which one app on one node reaches a service. */
export interface Portal {
  readonly app: string;
  readonly annotation: string;
  readonly containers: readonly PortalContainer[];
}

/** A container of a portal. */
export interface PortalContainer {
  readonly id: string;
  readonly nodeIp: string;
  /** "" while it has none. */
  readonly ip: string;
  readonly port: number;
}

/** `/lain/deployd/depends/pods/<pod name>` */
export const depends: Subtree<Depends> = {
  name: "depends",
  prefix: "/lain/deployd/depends/pods/",
  parse: (key, text) => ({
    service: serviceOf(key),
    nodes: Fields.of(parse(checkDepth(text))).members().map(([name, apps]) => ({
      name,
      portals: apps.members().map(([app, item]) => ({
        app,
        annotation: item.object("Spec").internedString("Annotation"),
        containers: item.object("Pod").objects("Containers").map((c) => ({
          id: c.string("Id"),
          nodeIp: c.internedString("NodeIp"),
          ip: c.string("ContainerIp"),
          port: c.number("ContainerPort"),
        })),
      })),
    })),
  }),
};

/**
 * The app that offers a service, from the name of its portal pod: `a.b` for
 * `a.b.portal.portal-x`, `a` for `a.portal.portal-x`.
 */
export function serviceOf(podName: string): string {
  const parts = podName.split(".");
  return parts.slice(0, parts.length > 3 ? -2 : 1).join(".");
}
