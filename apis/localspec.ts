import { Type } from "@sinclair/typebox";
import { Localspec } from "../lib/grpc/proto/message_pb.ts";
import { badRequest } from "../lib/errors.ts";
import { array } from "../lib/json.ts";
import { param, superOnly, terminated } from "../lib/view/select.ts";
import { view } from "../lib/view/view.ts";

/** The pod groups with a container on a node: `["<app>/<group>"]`. */
export default view({
  paths: ["/v2/localspecquery", "/v2/localspecwatcher"],
  summary:
    "The pod groups with a container on a node, `<app>/<group>`. For super callers.",
  params: {
    nodeip: {
      description: "A node's address or name. None: this lainlet's node.",
      example: "node1",
    },
  },
  mayAsk: "super",
  answer: Type.Array(Type.String()),
  example: ["shop/shop.web.web"],
  watcher: (cluster) => cluster.container,
  select(query) {
    const node = param(query, "nodeip") || query.host.ip;
    if (node === "") throw badRequest("nodeip required");
    return superOnly(query, terminated(node, "/"));
  },
  piece: ({ group }) => `${group.app}/${group.name}`,
  text: (pieces) => array(distinct(pieces).map((spec) => JSON.stringify(spec))),
  rpc: {
    service: Localspec,
    reply: (pieces) => ({ Data: distinct(pieces) }),
  },
});

/** The distinct pieces, sorted. */
function distinct(
  pieces: readonly (readonly [key: string, spec: string])[],
): string[] {
  return [...new Set(pieces.map(([, spec]) => spec))].sort();
}
