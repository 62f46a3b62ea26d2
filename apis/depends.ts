import type { MessageInitShape } from "@bufbuild/protobuf";
import { Type } from "@sinclair/typebox";
import {
  Depends,
  type DependsItemSchema,
} from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import { encodePortals } from "../lib/overview/values.ts";
import { Portals } from "../lib/overview/values.ts";
import { prefixParam, superOnly } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import type * as watched from "../lib/watcher/depends.ts";
import { int32 } from "../lib/view/rpc.ts";

function apps(
  portals: readonly watched.Portal[],
): Record<string, MessageInitShape<typeof DependsItemSchema>> {
  return Object.fromEntries(portals.map(({ app, annotation, containers }) => [
    app,
    {
      Annotation: annotation,
      Containers: containers.map(({ id, nodeIp, ip, port }) => ({
        ContainerID: id,
        NodeIP: nodeIp,
        IP: ip,
        Port: int32(port),
      })),
    },
  ]));
}

/** The portals of each service: `{pod: {node: {app: {Annotation, Containers: […]}}}}`. */
export default view({
  paths: ["/v2/depends"],
  summary:
    "The portals of each service: by pod, node and app. For super callers.",
  params: {
    target: {
      description: "What the pods' names start with; `*` or none: all.",
      example: "mysql",
    },
  },
  mayAsk: "super",
  answer: Type.Record(Type.String(), Portals),
  example: {
    "mysql.portal.portal-mysql": {
      node1: {
        shop: {
          Annotation: "",
          Containers: [{
            ContainerID: "portal-for-shop-node1",
            IP: "172.20.1.50",
            NodeIP: "192.168.77.21",
            Port: 3306,
          }],
        },
      },
    },
  },
  watcher: (cluster) => cluster.depends,
  select: (query) => superOnly(query, prefixParam(query, "target")),
  piece: (service, _host, pod): Member[] => [[pod, encodePortals(service)]],
  members: flat,
  rpc: {
    service: Depends,
    message: ({ nodes }, _host, pod) => ({
      Data: {
        [pod]: {
          nodes: Object.fromEntries(
            nodes.map(({ name, portals }) => [name, { apps: apps(portals) }]),
          ),
        },
      },
    }),
  },
});
