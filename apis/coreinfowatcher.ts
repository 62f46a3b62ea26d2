import type { MessageInitShape } from "@bufbuild/protobuf";
import { Type } from "@sinclair/typebox";
import {
  type ContainerSchema,
  Coreinfo,
} from "../lib/grpc/proto/message_pb.ts";
import type { Json } from "../lib/view/endpoint.ts";
import type { Member } from "../lib/json.ts";
import { int32, int64 } from "../lib/view/rpc.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import type { Container, PodGroup } from "../lib/watcher/podgroup.ts";

const Strings = Type.Union([Type.Array(Type.String()), Type.Null()]);

/** All that is known of a group's pods. */
export const Group = Type.Object({
  PodInfos: Type.Array(Type.Object({
    Annotation: Type.String(),
    ContainerInfos: Type.Array(Type.Object({
      Command: Strings,
      ContainerId: Type.String(),
      ContainerIp: Type.String({ description: "Empty while it has none." }),
      Cpu: Type.Number(),
      Env: Strings,
      Expose: Type.Number(),
      Image: Type.String(),
      Memory: Type.Number({ description: "In bytes." }),
      NodeIp: Type.String(),
      NodeName: Type.String(),
      Volumes: Strings,
    })),
    Dependencies: Type.Array(Type.Object({
      PodName: Type.String(),
      Policy: Type.Number(),
    })),
    InstanceNo: Type.Number(),
  })),
}, { $id: "Group" });

/** A group's pods as JSON text of {@linkcode Group}. */
export function encodeGroup(group: PodGroup): string {
  return JSON.stringify(
    {
      PodInfos: group.pods.map((pod) => ({
        Annotation: group.annotation,
        ContainerInfos: pod.containers.map((container) => ({
          Command: container.spec.command,
          ContainerId: container.id,
          ContainerIp: container.ip,
          Cpu: container.spec.cpu,
          Env: container.spec.env,
          Expose: container.spec.expose,
          Image: container.spec.image,
          Memory: container.spec.memory,
          NodeIp: container.nodeIp,
          NodeName: container.nodeName,
          Volumes: container.spec.volumes,
        })),
        Dependencies: group.dependencies.map(({ podName, policy }) => ({
          PodName: podName,
          Policy: policy,
        })),
        InstanceNo: pod.instanceNo,
      })),
    } satisfies Json<typeof Group>,
  );
}

function containerMessage(
  { spec, ...container }: Container,
): MessageInitShape<typeof ContainerSchema> {
  return {
    Command: [...spec.command ?? []],
    Id: container.id,
    Ip: container.ip,
    Cpu: int32(spec.cpu),
    Env: [...spec.env ?? []],
    Expose: int32(spec.expose),
    Image: spec.image,
    Memory: int64(spec.memory),
    NodeIp: container.nodeIp,
    NodeName: container.nodeName,
    Volumes: [...spec.volumes ?? []],
  };
}

/** All that is known of the pods: `{group: {PodInfos: […]}}`. */
export default view({
  paths: ["/v2/coreinfowatcher"],
  summary: "All that is known of the pods, by group.",
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
  piece: (group): Member[] => [[group.name, encodeGroup(group)]],
  members: flat,
  rpc: {
    service: Coreinfo,
    part: (group) => ({
      Data: {
        [group.name]: {
          PodInfos: group.pods.map((pod) => ({
            Annotation: group.annotation,
            Containers: pod.containers.map(containerMessage),
            Dependencies: group.dependencies.map(({ podName, policy }) => ({
              PodName: podName,
              Policy: int32(policy),
            })),
            InstanceNo: int32(pod.instanceNo),
          })),
        },
      },
    }),
  },
});
