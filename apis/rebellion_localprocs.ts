import type { Member } from "../lib/json.ts";
import { byApp } from "../lib/select.ts";
import { flat, view } from "../lib/view.ts";

/** The pods with a container on this host: `{group: {PodInfos: [{Annotation, AppVersion, InstanceNo}]}}`. */
export default view({
  paths: ["/v2/rebellion/localprocs"],
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece(group, { hostname }): Member[] {
    const here = group.pods.filter(({ containers }) =>
      containers.some(({ nodeName }) => nodeName === hostname)
    );
    if (here.length === 0) return [];
    const json = JSON.stringify({
      PodInfos: here.map(({ instanceNo }) => ({
        Annotation: group.annotation,
        AppVersion: group.appVersion,
        InstanceNo: instanceNo,
      })),
    });
    return [[group.name, json]];
  },
  members: flat,
});
