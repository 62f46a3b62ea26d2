import type { MessageInitShape } from "@bufbuild/protobuf";
import { Type } from "@sinclair/typebox";
import {
  Depends,
  type DependsItemSchema,
} from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import { encodePortals, portalJson, Portals } from "../lib/overview/values.ts";
import { prefixParam, superOnly } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import type { Portal } from "../lib/watcher/depends.ts";
import { int32 } from "../lib/view/rpc.ts";

function appsMessage(
  portals: readonly Portal[],
): Record<string, MessageInitShape<typeof DependsItemSchema>> {
  return Object.fromEntries(portals.map((portal) => {
    const { Annotation, Containers } = portalJson(portal);
    return [portal.app, {
      Annotation,
      Containers: Containers.map((one) => ({ ...one, Port: int32(one.Port) })),
    }];
  }));
}

/** The portals of each service: `{pod: {node: {app: {Annotation, Containers: […]}}}}`. */
export default view({
  paths: ["/v2/depends"],
  summary:
    "The portals of each service, by pod, node and app. For super callers.",
  params: {
    target: {
      description: "The prefix of the pods' names. `*` or none: all.",
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
            nodes.map((
              { name, portals },
            ) => [name, { apps: appsMessage(portals) }]),
          ),
        },
      },
    }),
  },
});
