import { Type } from "@sinclair/typebox";
import { Podgroup } from "../lib/grpc/proto/message_pb.ts";
import { array } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { int32 } from "../lib/view/rpc.ts";
import { BY_APP, byNamedApp } from "../lib/view/select.ts";
import { view } from "../lib/view/view.ts";

const Group = Type.Object({
  proc: Type.Array(Type.Object({
    InstanceNo: Type.Number(),
    IP: Type.String({ description: "Empty while it has none." }),
    Port: Type.Number(),
    ProcName: Type.String(),
  })),
}, { $id: "ProcGroup" });

/** Where the procs of an app listen: `[{proc: [{InstanceNo, IP, Port, ProcName}]}]`. */
export default view({
  paths: ["/v2/procwatcher"],
  summary:
    "Where the procs of an app listen, by the first container of each pod.",
  params: { appname: { ...BY_APP.appname, required: true } },
  mayAsk: "app",
  answer: Type.Array(Group),
  example: [{
    proc: [{
      InstanceNo: 1,
      IP: "172.20.1.40",
      Port: 8080,
      ProcName: "web",
    }],
  }],
  watcher: (cluster) => cluster.podgroup,
  select: byNamedApp,
  piece: (group) =>
    JSON.stringify(
      {
        proc: group.pods.map(({ instanceNo, containers: [first] }) => ({
          InstanceNo: instanceNo,
          IP: first?.ip ?? "",
          Port: first?.port ?? 0,
          ProcName: first?.procName ?? "",
        })),
      } satisfies Json<typeof Group>,
    ),
  text: (pieces) => array(pieces.map(([, proc]) => proc)),
  rpc: {
    service: Podgroup,
    message: (group) => ({
      Data: [{
        Pods: group.pods.map(({ instanceNo, containers: [first] }) => ({
          InstanceNo: int32(instanceNo),
          IP: first?.ip,
          Port: int32(first?.port ?? 0),
          ProcName: first?.procName,
        })),
      }],
    }),
  },
});
