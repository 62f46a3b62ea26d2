import type { MessageInitShape } from "@bufbuild/protobuf";
import { Type } from "@sinclair/typebox";
import { Coreinfo, type PodInfoSchema } from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { PodInfo, podInfo } from "../lib/overview/values.ts";
import { int32, int64 } from "../lib/view/rpc.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import type { PodGroup } from "../lib/watcher/podgroup.ts";

/** A group with its pods. */
const Group = Type.Object({ PodInfos: Type.Array(PodInfo) }, { $id: "Group" });

function encode(group: PodGroup): string {
  return JSON.stringify(
    {
      PodInfos: group.pods.map((pod) => podInfo(group, pod)),
    } satisfies Json<typeof Group>,
  );
}

function podMessage(
  { ContainerInfos, Dependencies, ...pod }: Json<typeof PodInfo>,
): MessageInitShape<typeof PodInfoSchema> {
  return {
    ...pod,
    Containers: ContainerInfos.map(({ ContainerId, ContainerIp, ...one }) => ({
      ...one,
      Id: ContainerId,
      Ip: ContainerIp,
      Command: [...one.Command ?? []],
      Cpu: int32(one.Cpu),
      Env: [...one.Env ?? []],
      Expose: int32(one.Expose),
      Memory: int64(one.Memory),
      Volumes: [...one.Volumes ?? []],
    })),
    Dependencies: Dependencies.map(({ PodName, Policy }) => ({
      PodName,
      Policy: int32(Policy),
    })),
    InstanceNo: int32(pod.InstanceNo),
  };
}

/** The pods with their containers and dependencies: `{group: {PodInfos: […]}}`. */
export default view({
  paths: ["/v2/coreinfowatcher"],
  summary: "The pods with their containers and dependencies, by group.",
  params: BY_APP,
  mayAsk: "app",
  answer: Type.Record(Type.String(), Group),
  example: {
    "shop.web.web": {
      PodInfos: [{
        Annotation: '{"ports":[{"srcport":4000,"dstport":8080}]}',
        ContainerInfos: [{
          Command: ["/app/run", "--port", "8080"],
          ContainerId: "shop.web.web-1",
          ContainerIp: "172.20.1.40",
          Cpu: 1,
          Env: [
            "LAIN_APPNAME=shop",
            "LAIN_PROCNAME=web",
            "LAIN_APP_RELEASE_VERSION=26",
          ],
          Expose: 8080,
          Image: "registry.lain.local/shop:release-26",
          Memory: 268435456,
          NodeIp: "192.168.77.21",
          NodeName: "node1",
          Volumes: null,
        }],
        Dependencies: [],
        InstanceNo: 1,
      }],
    },
  },
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece: (group): Member[] => [[group.name, encode(group)]],
  members: flat,
  rpc: {
    service: Coreinfo,
    message: (group) => ({
      Data: {
        [group.name]: {
          PodInfos: group.pods.map((pod) => podMessage(podInfo(group, pod))),
        },
      },
    }),
  },
});
