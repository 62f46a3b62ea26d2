import type { MessageInitShape } from "@bufbuild/protobuf";
import { Type } from "@sinclair/typebox";
import {
  NodeInfo_Value_Type,
  type NodeInfo_ValueSchema,
  Nodes,
} from "../lib/grpc/proto/message_pb.ts";
import { canonical, isObject, type Member, parseExact } from "../lib/json.ts";
import { prefixParam, superOnly } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";

/** The members of a node, by name. */
function members(
  json: string,
): Record<string, MessageInitShape<typeof NodeInfo_ValueSchema>> {
  const node = parseExact(json);
  if (!isObject(node)) throw new TypeError("a node must be an object");
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => [name, member(value)]),
  );
}

/** A member: a string, an object of strings, or the JSON text of any other value. */
function member(
  value: unknown,
): MessageInitShape<typeof NodeInfo_ValueSchema> {
  if (typeof value === "string") return { sval: value };
  if (isStrings(value)) return { Vtype: NodeInfo_Value_Type.MAP, mval: value };
  return { sval: canonical(value) };
}

function isStrings(value: unknown): value is Record<string, string> {
  return isObject(value) &&
    Object.values(value).every((one) => typeof one === "string");
}

/** The nodes of the cluster: `{"<name>:<ip>:<port>": value}`. */
export default view({
  paths: ["/v2/nodes"],
  summary:
    "The nodes, by `<name>:<ip>:<ssh port>`, as the scheduler wrote them. For super callers.",
  params: {
    name: {
      description: "A node's name. `*` or none: all.",
      example: "node1",
    },
  },
  mayAsk: "super",
  answer: Type.Record(
    Type.String(),
    Type.Record(Type.String(), Type.Unknown()),
  ),
  example: {
    "node1:192.168.77.21:22": {
      cpus: 4,
      ip: "192.168.77.21",
      name: "node1",
      ssh_port: "22",
    },
  },
  watcher: (cluster) => cluster.nodes,
  select: (query) => superOnly(query, prefixParam(query, "name", ":")),
  piece: ({ json }, _host, key): Member[] => [[key, json]],
  members: flat,
  rpc: {
    service: Nodes,
    message: ({ json }, _host, key) => ({
      Data: { [key]: { v: members(json) } },
    }),
  },
});
