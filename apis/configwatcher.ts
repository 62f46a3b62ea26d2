import { Type } from "@sinclair/typebox";
import { forbidden, SUPER_REQUIRED } from "../lib/errors.ts";
import { ANYONE, SUPER } from "../lib/rights.ts";
import { param } from "../lib/select.ts";
import { view } from "../lib/view.ts";

/** Names that start with one of these are for super callers only. */
const SECRETS = [
  "bootstrap_node_ip",
  "calico_default_rule",
  "calico_network",
  "dns_ip",
  "dns_port",
  "dnsmasq_addresses",
  "dnsmasq_servers",
  "etcd_cluster_token",
  "node_network",
  "rsyncd_secrets",
  "ssl",
  "super_apps",
  "swarm_manager_ip",
  "system_volumes",
  "tinydns_fqdns",
  "vip",
  "vips",
];

const isPublic = (name: string) =>
  !SECRETS.some((secret) => name.startsWith(secret));

/** The cluster's settings: `{name: value}`. */
export default view({
  paths: ["/v2/configwatcher"],
  summary:
    "The cluster's settings, by name; secret ones only for super callers.",
  params: {
    target: {
      description: "What the names start with; none: all, for super callers.",
    },
  },
  answer: Type.Record(Type.String(), Type.String()),
  watcher: (cluster) => cluster.config,
  select(query) {
    const prefix = param(query, "target");
    if (query.caller.isSuper) return { prefix, right: SUPER };
    if (prefix === "" || !isPublic(prefix)) throw forbidden(SUPER_REQUIRED);
    return { prefix, right: ANYONE, keep: isPublic };
  },
  piece: ({ value }) => JSON.stringify(value),
  members: (pieces) => pieces,
});
