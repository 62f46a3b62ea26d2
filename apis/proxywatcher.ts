import { Type } from "@sinclair/typebox";
import { Proxy } from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { int32 } from "../lib/view/rpc.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";

const Group = Type.Object({
  containers: Type.Array(Type.Object({
    container_ip: Type.String({ description: "Empty while it has none." }),
    container_port: Type.Number(),
  })),
}, { $id: "ProxyGroup" });

/** The addresses of a group's containers: `{group: {containers: [{container_ip, container_port}]}}`. */
export default view({
  paths: ["/v2/proxywatcher"],
  summary: "The addresses of the containers, by group.",
  params: BY_APP,
  mayAsk: "app",
  answer: Type.Record(Type.String(), Group),
  example: {
    "shop.web.web": {
      containers: [{
        container_ip: "172.20.1.40",
        container_port: 8080,
      }],
    },
  },
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece: (group): Member[] => [[
    group.name,
    JSON.stringify(
      {
        containers: group.pods.flatMap(({ containers }) =>
          containers.map(({ ip, spec }) => ({
            container_ip: ip,
            container_port: spec.expose,
          }))
        ),
      } satisfies Json<typeof Group>,
    ),
  ]],
  members: flat,
  rpc: {
    service: Proxy,
    message: (group) => ({
      Data: {
        [group.name]: {
          Containers: group.pods.flatMap(({ containers }) =>
            containers.map(({ ip, spec }) => ({
              ContainerIp: ip,
              ContainerPort: int32(spec.expose),
            }))
          ),
        },
      },
    }),
  },
});
