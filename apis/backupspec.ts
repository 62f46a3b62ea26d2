import { Type } from "@sinclair/typebox";
import { Backupctl } from "../lib/grpc/proto/message_pb.ts";
import type { Json } from "../lib/view/endpoint.ts";
import type { Member } from "../lib/json.ts";
import { int32 } from "../lib/view/rpc.ts";
import { appPrefix, BY_APP, superOnly } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";

const Pods = Type.Array(Type.Object({
  Annotation: Type.String(),
  Containers: Type.Array(Type.Object({
    Id: Type.String(),
    Ip: Type.String(),
    NodeIp: Type.String(),
    NodeName: Type.String(),
  })),
  InstanceNo: Type.Number(),
}));

/** What a backup needs to know: `{group: [{Annotation, Containers: [{Id, Ip, NodeIp, NodeName}], InstanceNo}]}`. */
export default view({
  paths: ["/v2/backupspec"],
  summary:
    "What a backup needs to know of the pods, by group. For super callers.",
  params: BY_APP,
  answer: Type.Record(Type.String(), Pods),
  watcher: (cluster) => cluster.podgroup,
  select: (query) => superOnly(query, appPrefix(query)),
  piece: (group): Member[] => [[
    group.name,
    JSON.stringify(
      group.pods.map(({ instanceNo, containers }) => ({
        Annotation: group.annotation,
        Containers: containers.map(({ id, ip, nodeIp, nodeName }) => ({
          Id: id,
          Ip: ip,
          NodeIp: nodeIp,
          NodeName: nodeName,
        })),
        InstanceNo: instanceNo,
      })) satisfies Json<typeof Pods>,
    ),
  ]],
  members: flat,
  rpc: {
    service: Backupctl,
    part: (group) => ({
      Data: {
        [group.name]: {
          pods: group.pods.map(({ instanceNo, containers }) => ({
            Annotation: group.annotation,
            Containers: containers.map(({ id, ip, nodeIp, nodeName }) => ({
              Id: id,
              Ip: ip,
              NodeIp: nodeIp,
              NodeName: nodeName,
            })),
            InstanceNo: int32(instanceNo),
          })),
        },
      },
    }),
  },
});
