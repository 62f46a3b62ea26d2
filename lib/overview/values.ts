import { type Static, type TObject, Type } from "@sinclair/typebox";
import { object, sortedByName } from "../json.ts";
import type { Json } from "../schema.ts";
import { HEALTHS, STATES, TARGETS } from "../watcher/condition.ts";
import { type Pod, type PodGroup, release } from "../watcher/podgroup.ts";
import type { Depends, Portal } from "../watcher/depends.ts";

const Strings = Type.Union([Type.Array(Type.String()), Type.Null()]);

/** A pod with its containers, as the API shows it. */
export const PodInfo = Type.Object({
  Annotation: Type.String(),
  ContainerInfos: Type.Array(Type.Object({
    Command: Strings,
    ContainerId: Type.String(),
    ContainerIp: Type.String({ description: "Empty while it has none." }),
    Cpu: Type.Number(),
    Env: Strings,
    Expose: Type.Number(),
    Image: Type.String(),
    Memory: Type.Number({ description: "In bytes." }),
    NodeIp: Type.String(),
    NodeName: Type.String(),
    Volumes: Strings,
  }, { $id: "ContainerInfo" })),
  Dependencies: Type.Array(Type.Object({
    PodName: Type.String(),
    Policy: Type.Number(),
  }, { $id: "Dependency" })),
  InstanceNo: Type.Number(),
});

/** A pod as {@linkcode PodInfo}. */
export function podInfo(group: PodGroup, pod: Pod): Json<typeof PodInfo> {
  return {
    Annotation: group.annotation,
    ContainerInfos: pod.containers.map((container) => ({
      Command: container.spec.command,
      ContainerId: container.id,
      ContainerIp: container.ip,
      Cpu: container.spec.cpu,
      Env: container.spec.env,
      Expose: container.spec.expose,
      Image: container.spec.image,
      Memory: container.spec.memory,
      NodeIp: container.nodeIp,
      NodeName: container.nodeName,
      Volumes: container.spec.volumes,
    })),
    Dependencies: group.dependencies.map(({ podName, policy }) => ({
      PodName: podName,
      Policy: policy,
    })),
    InstanceNo: pod.instanceNo,
  };
}

/** The schema of a string that is one of some words. */
export function Literals<const W extends string>(words: readonly W[]) {
  return Type.Union(words.map((word) => Type.Literal(word)));
}

/** The condition of a group or a pod. What is not known is missing. */
const Condition = {
  Drifts: Type.Optional(
    Type.Integer({ description: "How often it was moved to another node." }),
  ),
  Health: Type.Optional(Literals(HEALTHS)),
  LastError: Type.Optional(Type.String()),
  OOMKilled: Type.Optional(
    Type.Boolean({
      description: "It was killed because it ran out of memory.",
    }),
  ),
  Restarted: Type.Optional(
    Type.String({ description: "When it was last restarted, in RFC 3339." }),
  ),
  Restarts: Type.Optional(
    Type.Integer({ description: "How often it was restarted." }),
  ),
  State: Type.Optional(Literals(STATES)),
  Target: Type.Optional(Literals(TARGETS)),
  Updated: Type.Optional(
    Type.String({ description: "When this was written, in RFC 3339." }),
  ),
};

/** Times in RFC 3339 by the names of members. */
const Times = (description: string) =>
  Type.Optional(Type.Record(Type.String(), Type.String(), { description }));

/** Since when a group or a pod is in trouble. */
const Since = {
  Since: Times(
    "Since when members have values that are or may be a problem, in RFC 3339. One that is missing has had its value since `Updated`.",
  ),
  AtLeastSince: Times(
    "The same, where the store does not say it: lainlet has seen the value since then.",
  ),
};

/** A group with its pods, their conditions, and since when they are in trouble. */
export const Group = Type.Object({
  ...Condition,
  ...Since,
  Instances: Type.Optional(
    Type.Integer({ description: "The desired number of instances." }),
  ),
  PodInfos: Type.Array(Type.Object({
    ...PodInfo.properties,
    ...Condition,
    ...Since,
    Port: Type.Optional(Type.Number({
      description:
        "The port of its first container, where that is not `Expose`.",
    })),
    Version: Type.Optional(
      Type.String({ description: "The release that it runs." }),
    ),
    Wanted: Type.Optional(Type.String({
      description:
        "The release that its group asks for, where it runs another one.",
    })),
  })),
}, { $id: "GroupAndState" });

type Condition = Static<TObject<typeof Condition>>;

function conditionJson(
  { condition, updated }: Pick<Pod, "condition" | "updated">,
): Condition {
  return {
    Drifts: condition.drifts,
    Health: condition.health,
    LastError: condition.error,
    OOMKilled: condition.oom,
    Restarted: condition.restarted,
    Restarts: condition.restarts,
    State: condition.state,
    Target: condition.target,
    Updated: updated,
  };
}

/** The release that a pod runs: its own, or else the group's. */
export function versionOf(group: PodGroup, pod: Pod): string | undefined {
  return pod.containers[0]?.version || group.appVersion || undefined;
}

/** The release that a pod is to run, when it runs another one. */
export function wantedVersion(
  group: PodGroup,
  { containers: [first] }: Pod,
): string | undefined {
  const wanted = first && release(first.spec.image) || group.appVersion;
  return first?.version && wanted && first.version !== wanted
    ? wanted
    : undefined;
}

/** A group as {@linkcode Group}, as far as its value in the store says it. */
export function groupJson(group: PodGroup): Json<typeof Group> {
  return {
    Instances: group.instances,
    PodInfos: group.pods.map((pod) => ({
      ...podInfo(group, pod),
      ...conditionJson(pod),
      Version: versionOf(group, pod),
    })),
    ...conditionJson(group),
  };
}

/** The same as JSON text. */
export function encodeGroup(group: PodGroup): string {
  return JSON.stringify(groupJson(group));
}

/** A portal with its containers. */
const PortalSchema = Type.Object({
  Annotation: Type.String(),
  Containers: Type.Array(Type.Object({
    ContainerID: Type.String(),
    IP: Type.String({ description: "Empty while it has none." }),
    NodeIP: Type.String(),
    Port: Type.Number(),
  })),
}, { $id: "Portal" });

/** The portals of a service by node and app. */
export const Portals = Type.Record(
  Type.String(),
  Type.Record(Type.String(), PortalSchema),
  { $id: "Portals" },
);

/** The portals of a service as JSON text of {@linkcode Portals}. */
export function encodePortals({ nodes }: Depends): string {
  return object(nodes.map(({ name, portals }) => [
    name,
    object(
      portals.map((
        portal,
      ) => [portal.app, JSON.stringify(portalJson(portal))]),
    ),
  ]));
}

/** The portals of a service as {@linkcode Portals}. */
export function portalsJson({ nodes }: Depends): Json<typeof Portals> {
  return byName(nodes.map(({ name, portals }) => [
    name,
    byName(portals.map((portal) => [portal.app, portalJson(portal)])),
  ]));
}

function byName<T>(members: readonly (readonly [string, T])[]) {
  return Object.fromEntries(sortedByName(members));
}

/** A portal as {@linkcode PortalSchema}. */
export function portalJson(
  { annotation, containers }: Portal,
): Json<typeof PortalSchema> {
  return {
    Annotation: annotation,
    Containers: containers.map(({ id, nodeIp, ip, port }) => ({
      ContainerID: id,
      IP: ip,
      NodeIP: nodeIp,
      Port: port,
    })),
  };
}
