import type { Member } from "../lib/json.ts";
import { byApp } from "../lib/select.ts";
import { flat, view } from "../lib/view.ts";

/** Where the containers of a group are reached: `{group: {containers: [{container_ip, container_port}]}}`. */
export default view({
  paths: ["/v2/proxywatcher"],
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece: (group): Member[] => [[
    group.name,
    JSON.stringify({
      containers: group.pods.flatMap(({ containers }) =>
        containers.map(({ ip, spec }) => ({
          container_ip: ip,
          container_port: spec.expose,
        }))
      ),
    }),
  ]],
  members: flat,
});
