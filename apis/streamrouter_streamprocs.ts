import { type Static, Type } from "@sinclair/typebox";
import { StreamrouterStreamprocs } from "../lib/grpc/proto/message_pb.ts";
import { array } from "../lib/json.ts";
import { portsOf, routersGuard } from "../lib/view/routers.ts";
import { int32 } from "../lib/view/rpc.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { view } from "../lib/view/view.ts";

const Proc = Type.Object({
  Name: Type.String(),
  Services: Type.Array(Type.Object({
    Expect: Type.String(),
    ListenPort: Type.Number(),
    Send: Type.String(),
    UpstreamPort: Type.Number(),
  })),
  Upstreams: Type.Array(Type.Object({
    Host: Type.String({ description: "Empty while it has none." }),
    InstanceNo: Type.Number(),
  })),
}, { $id: "StreamProc" });

/** A pod group that has ports. */
interface AppProc {
  readonly app: string;
  readonly proc: Static<typeof Proc>;
  readonly json: string;
}

/** The routes of a stream router: `{app: [{Name, Upstreams, Services}]}`. */
export default view({
  paths: ["/v2/streamrouter/streamprocs"],
  summary: "The routes of a stream router, by app.",
  params: BY_APP,
  mayAsk: "app",
  answer: Type.Record(Type.String(), Type.Array(Proc)),
  example: {
    shop: [{
      Name: "shop.web.web",
      Services: [{
        Expect: "",
        ListenPort: 4000,
        Send: "",
        UpstreamPort: 8080,
      }],
      Upstreams: [{
        Host: "172.20.1.40",
        InstanceNo: 1,
      }],
    }],
  },
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece(group): readonly AppProc[] {
    const ports = portsOf(group);
    if (ports.length === 0) return [];
    const proc: AppProc["proc"] = {
      Name: group.name,
      Services: ports.map(({ srcport, dstport }) => ({
        Expect: "",
        ListenPort: srcport,
        Send: "",
        UpstreamPort: dstport,
      })),
      Upstreams: group.pods
        .map(({ instanceNo, containers: [first] }) => ({
          Host: first?.ip ?? "",
          InstanceNo: instanceNo,
        }))
        .sort((a, b) => a.InstanceNo - b.InstanceNo),
    };
    return [{ app: group.app, proc, json: JSON.stringify(proc) }];
  },
  contributions: (procs) => procs.map((one) => [one.app, one]),
  reduce: (procs) => array(sortedByName(procs).map(({ json }) => json)),
  guard: routersGuard((group) => portsOf(group).length > 0),
  rpc: {
    service: StreamrouterStreamprocs,
    reduce: (app, procs) => ({
      Data: {
        [app]: {
          procs: sortedByName(procs).map(({ proc }) => ({
            Name: proc.Name,
            Services: proc.Services.map((service) => ({
              ...service,
              ListenPort: int32(service.ListenPort),
              UpstreamPort: int32(service.UpstreamPort),
            })),
            Upstreams: proc.Upstreams.map(({ Host, InstanceNo }) => ({
              Host,
              InstanceNo: int32(InstanceNo),
            })),
          })),
        },
      },
    }),
  },
});

function sortedByName(procs: readonly AppProc[]): AppProc[] {
  return procs.toSorted(({ proc: a }, { proc: b }) =>
    a.Name < b.Name ? -1 : a.Name > b.Name ? 1 : 0
  );
}
