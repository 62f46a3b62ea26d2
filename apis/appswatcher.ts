import { Type } from "@sinclair/typebox";
import { Apps } from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { superOnly } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";

const App = Type.Object({ Appname: Type.String() }, { $id: "App" });

/** The apps of the cluster: `{app: {Appname: app}}`. */
export default view({
  paths: ["/v2/appswatcher"],
  summary: "The apps of the cluster, by name. For super callers.",
  params: {},
  mayAsk: "super",
  answer: Type.Record(Type.String(), App),
  example: {
    shop: {
      Appname: "shop",
    },
  },
  watcher: (cluster) => cluster.podgroup,
  select: (query) => superOnly(query, ""),
  piece: ({ app }): Member[] => [[
    app,
    JSON.stringify({ Appname: app } satisfies Json<typeof App>),
  ]],
  members: flat,
  rpc: {
    service: Apps,
    message: ({ app }) => ({ Data: { [app]: { Appname: app } } }),
  },
});
