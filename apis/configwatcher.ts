import { Type } from "@sinclair/typebox";
import { forbidden, SUPER_REQUIRED } from "../lib/errors.ts";
import { ANYONE, isSecret, SUPER } from "../lib/access/rights.ts";
import { Config } from "../lib/grpc/proto/message_pb.ts";
import type { Member } from "../lib/json.ts";
import { prefixParam } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";

/** The cluster's settings: `{name: value}`. */
export default view({
  paths: ["/v2/configwatcher"],
  summary:
    "The cluster's settings, by name. Secret ones for super callers only.",
  params: {
    target: {
      description:
        "The prefix of the names. `*` or none: all, for super callers.",
      example: "domain",
    },
  },
  mayAsk: "all",
  answer: Type.Record(Type.String(), Type.String()),
  example: {
    domain: "lain.example",
  },
  watcher: (cluster) => cluster.config,
  select(query) {
    const prefix = prefixParam(query, "target");
    if (query.caller.isSuper) return { prefix, right: SUPER };
    if (prefix === "" || isSecret(prefix)) throw forbidden(SUPER_REQUIRED);
    return { prefix, right: ANYONE, filter: (name) => !isSecret(name) };
  },
  piece: ({ value }, _host, name): Member[] => [[name, JSON.stringify(value)]],
  members: flat,
  rpc: {
    service: Config,
    message: ({ value }, _host, name) => ({ Data: { [name]: value } }),
  },
});
