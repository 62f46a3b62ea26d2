import { type Static, Type } from "@sinclair/typebox";
import { Podgroup } from "../lib/grpc/proto/message_pb.ts";
import { array } from "../lib/json.ts";
import { int32 } from "../lib/view/rpc.ts";
import { BY_APP, byNamedApp } from "../lib/view/select.ts";
import { view } from "../lib/view/view.ts";
import type { PodGroup } from "../lib/watcher/podgroup.ts";

const Group = Type.Object({
  proc: Type.Array(Type.Object({
    IP: Type.String({ description: "Empty while it has none." }),
    InstanceNo: Type.Number(),
    Port: Type.Number(),
    ProcName: Type.String(),
  })),
}, { $id: "ProcGroup" });

/** The addresses of an app's procs: `[{proc: [{IP, InstanceNo, Port, ProcName}]}]`. */
export default view({
  paths: ["/v2/procwatcher"],
  summary:
    "The addresses of an app's procs: those of the first container of each pod.",
  params: { appname: { ...BY_APP.appname, required: true } },
  mayAsk: "app",
  answer: Type.Array(Group),
  example: [{
    proc: [{
      IP: "172.20.1.40",
      InstanceNo: 1,
      Port: 8080,
      ProcName: "web",
    }],
  }],
  watcher: (cluster) => cluster.podgroup,
  select: byNamedApp,
  piece: (group) => {
    const value: Static<typeof Group> = { proc: procsOf(group) };
    return JSON.stringify(value);
  },
  text: (pieces) => array(pieces.map(([, proc]) => proc)),
  rpc: {
    service: Podgroup,
    message: (group) => ({
      Data: [{
        Pods: procsOf(group).map((proc) => ({
          ...proc,
          InstanceNo: int32(proc.InstanceNo),
          Port: int32(proc.Port),
        })),
      }],
    }),
  },
});

function procsOf({ pods }: PodGroup): Static<typeof Group>["proc"] {
  return pods.map(({ instanceNo, containers: [first] }) => ({
    IP: first?.ip ?? "",
    InstanceNo: instanceNo,
    Port: first?.port ?? 0,
    ProcName: first?.procName ?? "",
  }));
}
