import { Type } from "@sinclair/typebox";
import { WebrouterWebprocs } from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { routersGuard } from "../lib/view/routers.ts";
import { int32 } from "../lib/view/rpc.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import type { PodGroup } from "../lib/watcher/podgroup.ts";

const Group = Type.Object({
  PodInfos: Type.Array(Type.Object({
    Annotation: Type.String(),
    ContainerInfos: Type.Array(Type.Object({
      ContainerIp: Type.String({ description: "Empty while it has none." }),
      Expose: Type.Number(),
    })),
  })),
}, { $id: "WebGroup" });

/** The routes of a web router: `{group: {PodInfos: [{Annotation, ContainerInfos: [{ContainerIp, Expose}]}]}}`. */
export default view({
  paths: ["/v2/webrouter/webprocs"],
  summary: "The routes of a web router, by group.",
  params: BY_APP,
  mayAsk: "app",
  answer: Type.Record(Type.String(), Group),
  example: {
    "shop.web.web": {
      PodInfos: [{
        Annotation: '{"ports":[{"srcport":4000,"dstport":8080}]}',
        ContainerInfos: [{
          ContainerIp: "172.20.1.40",
          Expose: 8080,
        }],
      }],
    },
  },
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece(group): Member[] {
    if (!isWeb(group)) return [];
    const json = JSON.stringify(
      {
        PodInfos: group.pods.map(({ containers }) => ({
          Annotation: group.annotation,
          ContainerInfos: containers.map(({ ip, spec }) => ({
            ContainerIp: ip,
            Expose: spec.expose,
          })),
        })),
      } satisfies Json<typeof Group>,
    );
    return [[group.name, json]];
  },
  members: flat,
  guard: routersGuard(isWeb),
  rpc: {
    service: WebrouterWebprocs,
    message(group) {
      if (!isWeb(group)) return {};
      const PodInfos = group.pods.map(({ containers }) => ({
        Annotation: group.annotation,
        Containers: containers.map(({ ip, spec }) => ({
          IP: ip,
          Expose: int32(spec.expose),
        })),
      }));
      return { Data: { [group.name]: { PodInfos } } };
    },
  },
});

/** Whether a group is named `<app>.web.<proc>`; the app may contain dots. */
function isWeb({ name }: PodGroup): boolean {
  const parts = name.split(".");
  return parts.length >= 3 && parts.at(-2) === "web";
}
