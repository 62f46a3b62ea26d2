import { param, superOnly, terminated } from "../lib/select.ts";
import { view } from "../lib/view.ts";

/** The nodes of the cluster: `{"<name>:<ip>:<port>": value}`. */
export default view({
  paths: ["/v2/nodes"],
  watcher: (cluster) => cluster.nodes,
  select: (query) => superOnly(query, terminated(param(query, "name"), ":")),
  piece: ({ json }) => json,
  members: (pieces) => pieces,
});
