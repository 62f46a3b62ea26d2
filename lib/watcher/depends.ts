import { checkDepth, Fields } from "./fields.ts";
import { parse } from "../json.ts";
import { serviceOf } from "./service.ts";
import type { Subtree } from "./subtree.ts";

/** The portal pods of a service: one for each app that uses it, on each node. */
export interface Depends {
  /** The app that offers the service, from the pod's name. */
  readonly service: string;
  readonly nodes: readonly NodePortals[];
}

/** The portals of one service on one node. */
export interface NodePortals {
  readonly name: string;
  readonly portals: readonly Portal[];
}

/** The pod that makes a service reachable for one app on one node. */
export interface Portal {
  readonly app: string;
  readonly annotation: string;
  readonly containers: readonly PortalContainer[];
}

/** A container of a portal; `ip` is "" while it has none. */
export interface PortalContainer {
  readonly id: string;
  readonly nodeIp: string;
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
