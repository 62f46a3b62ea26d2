import { Type } from "@sinclair/typebox";
import type { Json } from "../lib/view/endpoint.ts";
import type { Member } from "../lib/json.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";

const Group = Type.Object({
  PodInfos: Type.Array(Type.Object({
    Annotation: Type.String(),
    AppVersion: Type.String(),
    InstanceNo: Type.Number(),
  })),
});

/** The pods with a container on this host: `{group: {PodInfos: [{Annotation, AppVersion, InstanceNo}]}}`. */
export default view({
  paths: ["/v2/rebellion/localprocs"],
  summary: "The pods with a container on this host, by group.",
  params: BY_APP,
  answer: Type.Record(Type.String(), Group),
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece(group, { hostname }): Member[] {
    const here = group.pods.filter(({ containers }) =>
      containers.some(({ nodeName }) => nodeName === hostname)
    );
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
});
