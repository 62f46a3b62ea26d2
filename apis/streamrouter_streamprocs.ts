import type { MessageInitShape } from "@bufbuild/protobuf";
import { Type } from "@sinclair/typebox";
import {
  type StreamProcSchema,
  StreamrouterStreamprocs,
} from "../lib/grpc/proto/message_pb.ts";
import { array } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import {
  countAddressed,
  guardRouters,
  portsOf,
  ROUTERS_GUARD,
} from "../lib/view/routers.ts";
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

/** What a group adds, and what protects the routers. */
interface Piece {
  readonly app: string;
  readonly name: string;
  readonly pods: number;
  readonly addressed: number;
  readonly json: string;
  readonly message: MessageInitShape<typeof StreamProcSchema>;
}

/** What a stream router routes to: `{app: [{Name, Upstreams, Services}]}`. */
export default view({
  paths: ["/v2/streamrouter/streamprocs"],
  summary: "What a stream router routes to, by app.",
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
  piece(group): readonly Piece[] {
    const ports = portsOf(group);
    if (ports.length === 0) return [];
    const services = ports.map(({ srcport, dstport }) => ({
      Expect: "",
      ListenPort: srcport,
      Send: "",
      UpstreamPort: dstport,
    }));
    const upstreams = group.pods
      .map(({ instanceNo, containers: [first] }) => ({
        Host: first?.ip ?? "",
        InstanceNo: instanceNo,
      }))
      .sort((a, b) => a.InstanceNo - b.InstanceNo);
    return [{
      app: group.app,
      name: group.name,
      pods: group.pods.length,
      addressed: countAddressed(group.pods),
      json: JSON.stringify(
        {
          Name: group.name,
          Services: services,
          Upstreams: upstreams,
        } satisfies Json<typeof Proc>,
      ),
      message: {
        Name: group.name,
        Services: services.map((service) => ({
          ...service,
          ListenPort: int32(service.ListenPort),
          UpstreamPort: int32(service.UpstreamPort),
        })),
        Upstreams: upstreams.map(({ Host, InstanceNo }) => ({
          Host,
          InstanceNo: int32(InstanceNo),
        })),
      },
    }];
  },
  contributions: (procs) => procs.map((proc) => [proc.app, proc]),
  reduce: (procs) => array(procs.toSorted(byName).map(({ json }) => json)),
  guard: {
    counts: ([proc]) =>
      proc === undefined ? [0, 0] : ROUTERS_GUARD.counts(proc),
    check: ROUTERS_GUARD.check,
  },
  rpc: {
    service: StreamrouterStreamprocs,
    reply: (pieces) => ({
      Data: Object.fromEntries(
        procsOf(pieces).map(([app, procs]) => [
          app,
          { procs: procs.map(({ message }) => message) },
        ]),
      ),
    }),
  },
});

/**
 * The procs of each app, sorted by name.
 *
 * @throws {Unavailable} when running routers are better off with what they have
 */
function procsOf(
  pieces: readonly (readonly [key: string, procs: readonly Piece[]])[],
): [app: string, procs: Piece[]][] {
  const procs = pieces.flatMap(([, procs]) => procs)
    .sort(byName);
  guardRouters(procs);
  return [...Map.groupBy(procs, ({ app }) => app)];
}

function byName(a: Piece, b: Piece): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
