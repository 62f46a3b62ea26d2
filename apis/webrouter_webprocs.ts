import { Type } from "@sinclair/typebox";
import type { Json } from "../lib/view/endpoint.ts";
import type { Member } from "../lib/json.ts";
import { addressed, guardRouters } from "../lib/view/routers.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { view } from "../lib/view/view.ts";

const Group = Type.Object({
  PodInfos: Type.Array(Type.Object({
    Annotation: Type.String(),
    ContainerInfos: Type.Array(Type.Object({
      ContainerIp: Type.String({ description: "Empty while it has none." }),
      Expose: Type.Number(),
    })),
  })),
});

/** What a web router routes to: `{group: {PodInfos: [{Annotation, ContainerInfos: [{ContainerIp, Expose}]}]}}`. */
export default view({
  paths: ["/v2/webrouter/webprocs"],
  summary: "What a web router routes to, by group.",
  params: BY_APP,
  answer: Type.Record(Type.String(), Group),
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece(group): { pods: number; addressed: number; members: Member[] } {
    if (!isWeb(group.name)) return { pods: 0, addressed: 0, members: [] };
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
    return {
      pods: group.pods.length,
      addressed: addressed(group.pods),
      members: [[group.name, json]],
    };
  },
  members(pieces) {
    guardRouters(pieces.map(([, piece]) => piece));
    return pieces.flatMap(([, { members }]) => members);
  },
});

/** `<app>.web.<proc>`; the app may hold dots. */
function isWeb(group: string): boolean {
  const parts = group.split(".");
  return parts.length >= 3 && parts.at(-2) === "web";
}
