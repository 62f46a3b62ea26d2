import type { Member } from "../lib/json.ts";
import { superOnly } from "../lib/select.ts";
import { flat, view } from "../lib/view.ts";

/** The apps of the cluster: `{app: {Appname: app}}`. */
export default view({
  paths: ["/v2/appswatcher"],
  watcher: (cluster) => cluster.podgroup,
  select: (query) => superOnly(query, ""),
  piece: ({ app }): Member[] => [[app, JSON.stringify({ Appname: app })]],
  members: flat,
});
