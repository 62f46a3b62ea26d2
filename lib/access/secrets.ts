/** Settings whose names start with one of these are for super callers only. */
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

/** Whether a setting is for super callers only. */
export function isSecret(name: string): boolean {
  return SECRETS.some((secret) => name.startsWith(secret));
}
