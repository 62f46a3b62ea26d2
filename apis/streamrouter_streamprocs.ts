import { Type } from "@sinclair/typebox";
import type { Json } from "../lib/view/endpoint.ts";
import { array } from "../lib/json.ts";
import { addressed, guardRouters, portsOf } from "../lib/view/routers.ts";
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
});

/** What a stream router routes to: `{app: [{Name, Upstreams, Services}]}`. */
export default view({
  paths: ["/v2/streamrouter/streamprocs"],
  summary: "What a stream router routes to, by app.",
  params: BY_APP,
  answer: Type.Record(Type.String(), Type.Array(Proc)),
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece(group) {
    const ports = portsOf(group);
    if (ports.length === 0) {
      return { app: "", name: "", json: "", pods: 0, addressed: 0 };
    }
    return {
      app: group.app,
      name: group.name,
      pods: group.pods.length,
      addressed: addressed(group.pods),
      json: JSON.stringify(
        {
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
        } satisfies Json<typeof Proc>,
      ),
    };
  },
  members(pieces) {
    const procs = pieces.map(([, proc]) => proc)
      .filter(({ json }) => json !== "");
    guardRouters(procs);
    const apps = Map.groupBy(
      procs.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
      ({ app }) => app,
    );
    return [...apps].map((
      [app, procs],
    ) => [app, array(procs.map((p) => p.json))]);
  },
});
