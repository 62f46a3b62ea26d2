import { type Static, Type } from "@sinclair/typebox";
import { Backupctl } from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import { int32 } from "../lib/view/rpc.ts";
import { appPrefix, BY_APP, superOnly } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import type { PodGroup } from "../lib/watcher/podgroup.ts";

const Pods = Type.Array(Type.Object({
  Annotation: Type.String(),
  Containers: Type.Array(Type.Object({
    Id: Type.String(),
    Ip: Type.String(),
    NodeIp: Type.String(),
    NodeName: Type.String(),
  })),
  InstanceNo: Type.Number(),
}, { $id: "BackupPod" }));

/** What a backup needs: `{group: [{Annotation, Containers: [{Id, Ip, NodeIp, NodeName}], InstanceNo}]}`. */
export default view({
  paths: ["/v2/backupspec"],
  summary: "The pods with what a backup needs, by group. For super callers.",
  params: BY_APP,
  mayAsk: "super",
  answer: Type.Record(Type.String(), Pods),
  example: {
    "shop.web.web": [{
      Annotation: '{"ports":[{"srcport":4000,"dstport":8080}]}',
      Containers: [{
        Id: "shop.web.web-1",
        Ip: "172.20.1.40",
        NodeIp: "192.168.77.21",
        NodeName: "node1",
      }],
      InstanceNo: 1,
    }],
  },
  watcher: (cluster) => cluster.podgroup,
  select: (query) => superOnly(query, appPrefix(query)),
  piece: (group): Member[] => [[
    group.name,
    JSON.stringify(podsOf(group)),
  ]],
  members: flat,
  rpc: {
    service: Backupctl,
    message: (group) => ({
      Data: {
        [group.name]: {
          pods: podsOf(group).map((pod) => (
            { ...pod, InstanceNo: int32(pod.InstanceNo) }
          )),
        },
      },
    }),
  },
});

function podsOf({ annotation, pods }: PodGroup): Static<typeof Pods> {
  return pods.map(({ instanceNo, containers }) => ({
    Annotation: annotation,
    Containers: containers.map(({ id, ip, nodeIp, nodeName }) => ({
      Id: id,
      Ip: ip,
      NodeIp: nodeIp,
      NodeName: nodeName,
    })),
    InstanceNo: instanceNo,
  }));
}
