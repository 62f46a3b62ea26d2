import type { GroupSpec } from "../../scripts/cluster.ts";

/** A group of one instance, on a node `n`. @param ip its address, "" for none */
export function groupAt(ip: string, app = "a"): GroupSpec {
  const node = { name: "n", ip: "192.0.2.1" };
  return { app, proc: "web.web", instances: [{ node, ip }] };
}
