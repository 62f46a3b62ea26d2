import { Type } from "@sinclair/typebox";
import { prefixParam, superOnly } from "../lib/view/select.ts";
import { view } from "../lib/view/view.ts";

/** The nodes of the cluster: `{"<name>:<ip>:<port>": value}`. */
export default view({
  paths: ["/v2/nodes"],
  summary:
    "The nodes, `<name>:<ip>:<ssh port>`, as the scheduler wrote them. For super callers.",
  params: { name: { description: "A node's name; `*` or none: all." } },
  answer: Type.Record(
    Type.String(),
    Type.Record(Type.String(), Type.Unknown()),
  ),
  watcher: (cluster) => cluster.nodes,
  select: (query) => superOnly(query, prefixParam(query, "name", ":")),
  piece: ({ json }) => json,
  members: (pieces) => pieces,
});
