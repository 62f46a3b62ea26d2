import { Type } from "@sinclair/typebox";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { podSince, type Times } from "../lib/overview/since.ts";
import { Literals, versionOf, wantedVersion } from "../lib/overview/values.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { flat, view } from "../lib/view/view.ts";
import { HEALTHS, STATES, TARGETS } from "../lib/watcher/condition.ts";
import type { Pod, PodGroup } from "../lib/watcher/podgroup.ts";

const Row = Type.Object({
  address: Type.Optional(Type.String()),
  app: Type.String(),
  atLeastSince: Type.Optional(Type.Record(Type.String(), Type.String(), {
    description:
      "As `since`, where the store does not say it: lainlet has seen the value since then.",
  })),
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
  restarted: Type.Optional(
    Type.String({ description: "When it was last restarted, in RFC 3339." }),
  ),
  restarts: Type.Optional(Type.Number()),
  since: Type.Optional(Type.Record(Type.String(), Type.String(), {
    description:
      "Since when members have values that are or may be a problem, in RFC 3339. One that is missing has had its value since `updated`.",
  })),
  state: Type.Optional(Literals(STATES)),
  target: Type.Optional(Literals(TARGETS)),
  updated: Type.Optional(
    Type.String({ description: "When this was written, in RFC 3339." }),
  ),
  version: Type.Optional(
    Type.String({ description: "The release that it runs." }),
  ),
  wanted: Type.Optional(
    Type.String({
      description:
        "The release that its group asks for, where it runs another one.",
    }),
  ),
}, { $id: "Pod" });

/** The members of {@linkcode Row} of which lainlet knows since when. */
const MEMBERS = [
  ["Address", "address"],
  ["Health", "health"],
  ["LastError", "error"],
  ["OOMKilled", "oom"],
  ["Restarts", "restarts"],
  ["State", "state"],
  ["Version", "version"],
] as const;

function byMember(
  times: Times | undefined,
): Record<string, string> | undefined {
  return times && Object.fromEntries(
    MEMBERS.flatMap(([field, member]) => {
      const time = times[field];
      return time === undefined ? [] : [[member, time]];
    }),
  );
}

/** A pod with its first container, without what is not known. @param index of the pod in its group */
function row(group: PodGroup, pod: Pod, index: number): Json<typeof Row> {
  const { condition, containers: [first], instanceNo, updated } = pod;
  const { atLeastSince, since } = podSince(group, index);
  return {
    address: first?.ip || undefined,
    app: group.app,
    atLeastSince: byMember(atLeastSince),
    error: condition.error,
    group: group.name,
    health: condition.health,
    instance: instanceNo,
    node: first?.nodeName || undefined,
    oom: condition.oom || undefined,
    port: first?.port || undefined,
    proc: first?.procName || undefined,
    restarted: condition.restarted,
    restarts: condition.restarts,
    since: byMember(since),
    state: condition.state,
    target: condition.target,
    updated,
    version: versionOf(group, pod),
    wanted: wantedVersion(group, pod),
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
    group.pods.map((pod, index): Member => [
      `${group.name}/${pod.instanceNo}`,
      JSON.stringify(row(group, pod, index)),
    ]),
  members: flat,
});
