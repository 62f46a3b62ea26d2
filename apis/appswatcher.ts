import { object } from "../lib/json.ts";
import { superOnly } from "../lib/select.ts";
import { view } from "../lib/view.ts";

/** The apps of the cluster: `{app: {Appname: app}}`. */
export default view({
  paths: ["/v2/appswatcher"],
  watcher: (cluster) => cluster.podgroup,
  select: (query) => superOnly(query, ""),
  piece: ({ app }) => app,
  answer: (pieces) =>
    object(
      pieces.map(([, app]) => [app, JSON.stringify({ Appname: app })]),
    ),
});
