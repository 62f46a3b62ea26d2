/** The config of the large cluster, and what its secret keys hold. */
export function config(
  secret: string,
): [name: string, value: string][] {
  const vip = (app: string, port: number) =>
    JSON.stringify({
      app,
      proc: "worker",
      ports: [{ src: `${port}`, proto: "tcp", dest: `${port}` }],
      excluded_nodes: [],
    });
  return [
    ["dns_ip", "192.0.2.201"],
    ["domain", "lain.example"],
    ["etcd_cluster_token", secret],
    ["extra_domains", '["shop.example","例子.example"]'],
    ["features/new_networkd", "1"],
    ["rsyncd_secrets", secret],
    ["ssl", JSON.stringify({ "*.lain.example": secret })],
    ["super_apps/console", ""],
    ["super_apps/tinydns", ""],
    ["super_apps/webrouter", ""],
    ["tinydns_fqdns/etcd.lain", '["192.0.2.1:300"]'],
    ["vips/192.0.2.201", vip("webrouter", 80)],
    ["vips/192.0.2.202", vip("webrouter", 443)],
  ];
}
