import { Type } from "@sinclair/typebox";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { Literals, versionOf } from "../lib/overview/values.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import { HEALTHS, STATES, TARGETS } from "../lib/watcher/condition.ts";
import type { Pod, PodGroup } from "../lib/watcher/podgroup.ts";

const Row = Type.Object({
  address: Type.Optional(Type.String()),
  app: Type.String(),
  error: Type.Optional(
    Type.String({ description: "The last error." }),
  ),
  group: Type.String(),
  health: Type.Optional(Literals(HEALTHS)),
  instance: Type.Number(),
  node: Type.Optional(Type.String()),
  oom: Type.Optional(
    Type.Boolean({
      description: "It was killed because it ran out of memory.",
    }),
  ),
  port: Type.Optional(Type.Number()),
  proc: Type.Optional(Type.String()),
  restarts: Type.Optional(Type.Number()),
  state: Type.Optional(Literals(STATES)),
  target: Type.Optional(Literals(TARGETS)),
  updated: Type.Optional(
    Type.String({ description: "When this was written, in RFC 3339." }),
  ),
  version: Type.Optional(
    Type.String({ description: "The release that it runs." }),
  ),
}, { $id: "Pod" });

/** A pod with its first container, without what is not known. */
function row(group: PodGroup, pod: Pod): Json<typeof Row> {
  const { condition, containers: [first], instanceNo, updated } = pod;
  return {
    address: first?.ip || undefined,
    app: group.app,
    error: condition.error,
    group: group.name,
    health: condition.health,
    instance: instanceNo,
    node: first?.nodeName || undefined,
    oom: condition.oom || undefined,
    port: first?.port || undefined,
    proc: first?.procName || undefined,
    restarts: condition.restarts,
    state: condition.state,
    target: condition.target,
    updated,
    version: versionOf(group, pod),
  };
}

/** The pods and their conditions, as one flat object each: `{"<group>/<instance>": {app, …}}`. */
export default view({
  paths: ["/v2/pods"],
  summary: "The pods and their conditions, by `<group>/<instance>`.",
  params: BY_APP,
  mayAsk: "app",
  answer: Type.Record(Type.String(), Row),
  example: {
    "shop.web.web/1": {
      address: "172.20.1.40",
      app: "shop",
      group: "shop.web.web",
      health: "healthy",
      instance: 1,
      node: "node1",
      port: 8080,
      proc: "web",
      restarts: 0,
      state: "success",
      updated: "2026-01-15T12:00:00Z",
      version: "26",
    },
  },
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece: (group) =>
    group.pods.map((pod): Member => [
      `${group.name}/${pod.instanceNo}`,
      JSON.stringify(row(group, pod)),
    ]),
  members: flat,
});
