import { type Static, Type } from "@sinclair/typebox";
import { RebellionLocalprocs } from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import { int32 } from "../lib/view/rpc.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import type { Host } from "../lib/watcher/cluster.ts";
import type { PodGroup } from "../lib/watcher/podgroup.ts";

const Group = Type.Object({
  PodInfos: Type.Array(Type.Object({
    Annotation: Type.String(),
    AppVersion: Type.String(),
    InstanceNo: Type.Number(),
  })),
}, { $id: "LocalGroup" });

/** The pods with a container on this host: `{group: {PodInfos: [{Annotation, AppVersion, InstanceNo}]}}`. */
export default view({
  paths: ["/v2/rebellion/localprocs"],
  summary: "The pods with a container on this host, by group.",
  params: BY_APP,
  mayAsk: "app",
  answer: Type.Record(Type.String(), Group),
  example: {
    "shop.web.web": {
      PodInfos: [{
        Annotation: '{"ports":[{"srcport":4000,"dstport":8080}]}',
        AppVersion: "26",
        InstanceNo: 1,
      }],
    },
  },
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece(group, host): Member[] {
    const pods = podsOn(host, group);
    if (pods.length === 0) return [];
    const value: Static<typeof Group> = { PodInfos: pods };
    return [[group.name, JSON.stringify(value)]];
  },
  members: flat,
  rpc: {
    service: RebellionLocalprocs,
    message(group, host) {
      const pods = podsOn(host, group);
      if (pods.length === 0) return {};
      const PodInfos = pods.map((pod) => (
        { ...pod, InstanceNo: int32(pod.InstanceNo) }
      ));
      return { Data: { [group.name]: { PodInfos } } };
    },
  },
});

/** The pods of a group with a container on a host. */
function podsOn(
  { hostname }: Host,
  { annotation, appVersion, pods }: PodGroup,
): Static<typeof Group>["PodInfos"] {
  return pods
    .filter(({ containers }) =>
      containers.some(({ nodeName }) => nodeName === hostname)
    )
    .map(({ instanceNo }) => ({
      Annotation: annotation,
      AppVersion: appVersion,
      InstanceNo: instanceNo,
    }));
}
