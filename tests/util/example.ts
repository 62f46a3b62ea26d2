import {
  dependsKey,
  dependsValue,
  groupKey,
  type GroupSpec,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";

const node = { name: "node1", ip: "192.168.77.21" };

/** The one group of the cluster. */
export const shop: GroupSpec = {
  app: "shop",
  proc: "web.web",
  version: "26",
  annotation: { ports: [{ srcport: 4000, dstport: 8080 }] },
  instances: [{
    node,
    ip: "172.20.1.40",
    state: "success",
    health: "healthy",
    restarts: 0,
    updated: "2026-01-15T12:00:00Z",
  }],
};

/** The cluster of the example responses in `/openapi.json`. */
export const exampleCluster: Readonly<Record<string, string>> = {
  "/lain/config/domain": "lain.example",
  [dependsKey("mysql")]: dependsValue(node, shop.app, "172.20.1.50", 3306),
  [groupKey(shop)]: groupValue(shop),
  [nodeKey(node)]: nodeValue(node),
};

/** A group of one instance, on a node `n`. @param ip its address, "" for none */
export function groupAt(ip: string, app = "a"): GroupSpec {
  const node = { name: "n", ip: "192.0.2.1" };
  return { app, proc: "web.web", instances: [{ node, ip }] };
}

/** A JSON object that is nested so deep: `{"a":[[…]]}`. */
export function nested(depth: number): string {
  return `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
}
