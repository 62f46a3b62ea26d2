import { array } from "../lib/json.ts";
import { byNamedApp } from "../lib/select.ts";
import { view } from "../lib/view.ts";

/** Where the procs of an app listen: `[{proc: [{InstanceNo, IP, Port, ProcName}]}]`. */
export default view({
  paths: ["/v2/procwatcher"],
  watcher: (cluster) => cluster.podgroup,
  select: byNamedApp,
  piece: (group) =>
    JSON.stringify({
      proc: group.pods.map(({ instanceNo, containers: [first] }) => ({
        InstanceNo: instanceNo,
        IP: first?.ip ?? "",
        Port: first?.port ?? 0,
        ProcName: first?.procName ?? "",
      })),
    }),
  text: (pieces) => array(pieces.map(([, proc]) => proc)),
});
