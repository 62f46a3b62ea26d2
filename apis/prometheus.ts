import { Type } from "@sinclair/typebox";
import { array } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { view } from "../lib/view/view.ts";

const Target = Type.Object({
  targets: Type.Array(Type.String(), {
    description: "One address with its port, `172.20.1.40:8080`.",
  }),
  labels: Type.Object({
    app: Type.String(),
    group: Type.String(),
    proc: Type.String(),
    instance: Type.String({ description: "The pod's instance number." }),
    node: Type.String(),
  }),
}, { $id: "PrometheusTarget" });

/**
 * The procs that declare a port and have an address, those of the first
 * container of each pod, in the form of Prometheus' HTTP service discovery:
 * `[{targets: ["ip:port"], labels: {app, group, proc, instance, node}}]`.
 *
 * @see https://prometheus.io/docs/prometheus/latest/http_sd/
 */
export default view({
  paths: ["/v2/prometheus"],
  summary:
    "The procs that declare a port, for Prometheus' HTTP service discovery.",
  params: BY_APP,
  mayAsk: "app",
  answer: Type.Array(Target),
  example: [{
    targets: ["172.20.1.40:8080"],
    labels: {
      app: "shop",
      group: "shop.web.web",
      proc: "web",
      instance: "1",
      node: "node1",
    },
  }],
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece: (group) =>
    group.pods.flatMap(({ instanceNo, containers: [first] }) => {
      if (first === undefined || first.ip === "") return [];
      const { ip, nodeName, procName, spec: { expose } } = first;
      if (expose <= 0) return [];
      const host = ip.includes(":") ? `[${ip}]` : ip;
      return JSON.stringify(
        {
          targets: [`${host}:${expose}`],
          labels: {
            app: group.app,
            group: group.name,
            proc: procName,
            instance: String(instanceNo),
            node: nodeName,
          },
        } satisfies Json<typeof Target>,
      );
    }),
  // Prometheus polls this list: it is not worth a materialized view.
  text: (pieces) => array(pieces.flatMap(([, targets]) => targets)),
});
