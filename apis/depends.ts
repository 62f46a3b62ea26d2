import { Type } from "@sinclair/typebox";
import type { Json } from "../lib/endpoint.ts";
import { object } from "../lib/json.ts";
import { param, superOnly } from "../lib/select.ts";
import { view } from "../lib/view.ts";

const Portal = Type.Object({
  Annotation: Type.String(),
  Containers: Type.Array(Type.Object({
    ContainerID: Type.String(),
    IP: Type.String({ description: "Empty while it has none." }),
    NodeIP: Type.String(),
    Port: Type.Number(),
  })),
});

/** The portals of each service: `{pod: {node: {app: {Annotation, Containers: […]}}}}`. */
export default view({
  paths: ["/v2/depends"],
  summary:
    "The portals of each service: by pod, node and app. For super callers.",
  params: {
    target: { description: "What the pods' names start with; none: all." },
  },
  answer: Type.Record(
    Type.String(),
    Type.Record(Type.String(), Type.Record(Type.String(), Portal)),
  ),
  watcher: (cluster) => cluster.depends,
  select: (query) => superOnly(query, param(query, "target")),
  piece: ({ nodes }) =>
    object(nodes.map(({ name, portals }) => [
      name,
      object(portals.map((portal) => [
        portal.app,
        JSON.stringify(
          {
            Annotation: portal.annotation,
            Containers: portal.containers.map(({ id, nodeIp, ip, port }) => ({
              ContainerID: id,
              IP: ip,
              NodeIP: nodeIp,
              Port: port,
            })),
          } satisfies Json<typeof Portal>,
        ),
      ])),
    ])),
  members: (pieces) => pieces,
});
