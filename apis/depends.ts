import { object } from "../lib/json.ts";
import { param, superOnly } from "../lib/select.ts";
import { view } from "../lib/view.ts";

/** The portals of each service: `{pod: {node: {app: {Annotation, Containers: […]}}}}`. */
export default view({
  paths: ["/v2/depends"],
  watcher: (cluster) => cluster.depends,
  select: (query) => superOnly(query, param(query, "target")),
  piece: ({ nodes }) =>
    object(nodes.map(({ name, portals }) => [
      name,
      object(portals.map((portal) => [
        portal.app,
        JSON.stringify({
          Annotation: portal.annotation,
          Containers: portal.containers.map(({ id, nodeIp, ip, port }) => ({
            ContainerID: id,
            IP: ip,
            NodeIP: nodeIp,
            Port: port,
          })),
        }),
      ])),
    ])),
  members: (pieces) => pieces,
});
