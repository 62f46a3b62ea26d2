import { Type } from "@sinclair/typebox";
import type { Json } from "../lib/view/endpoint.ts";
import { object } from "../lib/json.ts";
import { prefixParam, superOnly } from "../lib/view/select.ts";
import { view } from "../lib/view/view.ts";
import type { Depends, Portal } from "../lib/watcher/depends.ts";

const PortalSchema = Type.Object({
  Annotation: Type.String(),
  Containers: Type.Array(Type.Object({
    ContainerID: Type.String(),
    IP: Type.String({ description: "Empty while it has none." }),
    NodeIP: Type.String(),
    Port: Type.Number(),
  })),
});

/** The portals of a service, by node and app. */
export const Service = Type.Record(
  Type.String(),
  Type.Record(Type.String(), PortalSchema),
);

/** The portals of a service as JSON text of {@linkcode Service}. */
export function encodeService({ nodes }: Depends): string {
  return object(nodes.map(({ name, portals }) => [
    name,
    object(portals.map((portal) => [portal.app, encodePortal(portal)])),
  ]));
}

function encodePortal({ annotation, containers }: Portal): string {
  return JSON.stringify(
    {
      Annotation: annotation,
      Containers: containers.map(({ id, nodeIp, ip, port }) => ({
        ContainerID: id,
        IP: ip,
        NodeIP: nodeIp,
        Port: port,
      })),
    } satisfies Json<typeof PortalSchema>,
  );
}

/** The portals of each service: `{pod: {node: {app: {Annotation, Containers: […]}}}}`. */
export default view({
  paths: ["/v2/depends"],
  summary:
    "The portals of each service: by pod, node and app. For super callers.",
  params: {
    target: {
      description: "What the pods' names start with; `*` or none: all.",
    },
  },
  answer: Type.Record(Type.String(), Service),
  watcher: (cluster) => cluster.depends,
  select: (query) => superOnly(query, prefixParam(query, "target")),
  piece: encodeService,
  members: (pieces) => pieces,
});
