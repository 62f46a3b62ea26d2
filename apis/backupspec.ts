import type { Member } from "../lib/json.ts";
import { appPrefix, superOnly } from "../lib/select.ts";
import { flat, view } from "../lib/view.ts";

/** What a backup needs to know: `{group: [{Annotation, Containers: [{Id, Ip, NodeIp, NodeName}], InstanceNo}]}`. */
export default view({
  paths: ["/v2/backupspec"],
  watcher: (cluster) => cluster.podgroup,
  select: (query) => superOnly(query, appPrefix(query)),
  piece: (group): Member[] => [[
    group.name,
    JSON.stringify(group.pods.map(({ instanceNo, containers }) => ({
      Annotation: group.annotation,
      Containers: containers.map(({ id, ip, nodeIp, nodeName }) => ({
        Id: id,
        Ip: ip,
        NodeIp: nodeIp,
        NodeName: nodeName,
      })),
      InstanceNo: instanceNo,
    }))),
  ]],
  members: flat,
});
