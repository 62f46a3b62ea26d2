import type { Member } from "../lib/json.ts";
import { param, superOnly, terminated } from "../lib/select.ts";
import { flat, view } from "../lib/view.ts";
import { containerKey } from "../lib/watcher/container.ts";

/** Every container under its node's name and address: `{"<node>/<id>": {app, …}}`. */
export default view({
  paths: ["/v2/containers"],
  watcher: (cluster) => cluster.container,
  select: (query) =>
    superOnly(query, terminated(param(query, "nodename"), "/")),
  piece: ({ group, pod, container }, _host, key): Member[] => [[
    containerKey(key),
    JSON.stringify({
      app: group.app,
      app_version: group.appVersion,
      instanceNo: pod.instanceNo,
      ip: container.ip,
      nodeip: container.nodeIp,
      nodename: container.nodeName,
      port: container.port,
      proc: group.name,
    }),
  ]],
  members: flat,
});
