import type { MessageInitShape } from "@bufbuild/protobuf";
import { Type } from "@sinclair/typebox";
import {
  type CoreInfoForWebrouterSchema,
  WebrouterWebprocs,
} from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import {
  countAddressed,
  guardRouters,
  ROUTERS_GUARD,
} from "../lib/view/routers.ts";
import { int32 } from "../lib/view/rpc.ts";
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
}, { $id: "WebGroup" });

/** What a group adds, and what protects the routers. */
interface Piece {
  readonly pods: number;
  readonly addressed: number;
  readonly members: readonly Member[];
  readonly messages: readonly (readonly [
    group: string,
    message: MessageInitShape<typeof CoreInfoForWebrouterSchema>,
  ])[];
}

const NONE: Piece = { pods: 0, addressed: 0, members: [], messages: [] };

/** What a web router routes to: `{group: {PodInfos: [{Annotation, ContainerInfos: [{ContainerIp, Expose}]}]}}`. */
export default view({
  paths: ["/v2/webrouter/webprocs"],
  summary: "What a web router routes to, by group.",
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
  piece(group): Piece {
    if (!isWeb(group.name)) return NONE;
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
      addressed: countAddressed(group.pods),
      members: [[group.name, json]],
      messages: [[group.name, {
        PodInfos: group.pods.map(({ containers }) => ({
          Annotation: group.annotation,
          Containers: containers.map(({ ip, spec }) => ({
            IP: ip,
            Expose: int32(spec.expose),
          })),
        })),
      }]],
    };
  },
  members: ({ members }) => members,
  guard: ROUTERS_GUARD,
  rpc: {
    service: WebrouterWebprocs,
    reply(pieces) {
      guardRouters(pieces.map(([, piece]) => piece));
      return {
        Data: Object.fromEntries(
          pieces.flatMap(([, { messages }]) => messages),
        ),
      };
    },
  },
});

/** `<app>.web.<proc>`; the app may hold dots. */
function isWeb(group: string): boolean {
  const parts = group.split(".");
  return parts.length >= 3 && parts.at(-2) === "web";
}
