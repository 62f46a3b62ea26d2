import { Type } from "@sinclair/typebox";
import { RebellionLocalprocs } from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { int32 } from "../lib/view/rpc.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import type { Host } from "../lib/watcher/cluster.ts";
import type { Pod, PodGroup } from "../lib/watcher/podgroup.ts";

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
    const here = podsOn(host, group);
    if (here.length === 0) return [];
    const json = JSON.stringify(
      {
        PodInfos: here.map(({ instanceNo }) => ({
          Annotation: group.annotation,
          AppVersion: group.appVersion,
          InstanceNo: instanceNo,
        })),
      } satisfies Json<typeof Group>,
    );
    return [[group.name, json]];
  },
  members: flat,
  rpc: {
    service: RebellionLocalprocs,
    message(group, host) {
      const here = podsOn(host, group);
      if (here.length === 0) return {};
      const infos = here.map(({ instanceNo }) => ({
        Annotation: group.annotation,
        AppVersion: group.appVersion,
        InstanceNo: int32(instanceNo),
      }));
      return { Data: { [group.name]: { PodInfos: infos } } };
    },
  },
});

/** The pods of a group with a container on a host. */
function podsOn({ hostname }: Host, { pods }: PodGroup): Pod[] {
  return pods.filter(({ containers }) =>
    containers.some(({ nodeName }) => nodeName === hostname)
  );
}
