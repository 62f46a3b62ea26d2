import { Type } from "@sinclair/typebox";
import { Containers } from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { int32 } from "../lib/view/rpc.ts";
import { prefixParam, superOnly } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import { containerKey } from "../lib/watcher/container.ts";

const Container = Type.Object({
  app: Type.String(),
  app_version: Type.String(),
  instanceNo: Type.Number(),
  ip: Type.String({ description: "Empty while it has none." }),
  nodeip: Type.String(),
  nodename: Type.String(),
  port: Type.Number(),
  proc: Type.String({ description: "The pod group." }),
}, { $id: "Container" });

/** Every container, under its node's name and under its node's address: `{"<node>/<id>": {app, …}}`. */
export default view({
  paths: ["/v2/containers"],
  summary:
    "Every container under its node's name and under its address, `<node>/<id>`. For super callers.",
  params: {
    nodename: {
      description: "A node's name or address. `*` or none: all.",
      example: "node1",
    },
  },
  mayAsk: "super",
  answer: Type.Record(Type.String(), Container),
  example: {
    "node1/shop.web.web-1": {
      app: "shop",
      app_version: "26",
      instanceNo: 1,
      ip: "172.20.1.40",
      nodeip: "192.168.77.21",
      nodename: "node1",
      port: 8080,
      proc: "shop.web.web",
    },
  },
  watcher: (cluster) => cluster.container,
  select: (query) => superOnly(query, prefixParam(query, "nodename", "/")),
  piece: ({ group, pod, container }, _host, key): Member[] => [[
    containerKey(key, container),
    JSON.stringify(
      {
        app: group.app,
        app_version: group.appVersion,
        instanceNo: pod.instanceNo,
        ip: container.ip,
        nodeip: container.nodeIp,
        nodename: container.nodeName,
        port: container.port,
        proc: group.name,
      } satisfies Json<typeof Container>,
    ),
  ]],
  members: flat,
  rpc: {
    service: Containers,
    message: ({ group, pod, container }, _host, key) => ({
      Data: {
        [containerKey(key, container)]: {
          AppName: group.app,
          AppVersion: group.appVersion,
          ProcName: group.name,
          NodeName: container.nodeName,
          NodeIP: container.nodeIp,
          IP: container.ip,
          Port: int32(container.port),
          InstanceNo: int32(pod.instanceNo),
        },
      },
    }),
  },
});
