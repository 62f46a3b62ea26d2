import { type Static, type TObject, Type } from "@sinclair/typebox";
import type { Json } from "../schema.ts";
import { HEALTHS, STATES, TARGETS } from "../watcher/condition.ts";
import type { Pod, PodGroup } from "../watcher/podgroup.ts";

const Strings = Type.Union([Type.Array(Type.String()), Type.Null()]);

/** What runs as a pod, and as what. */
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

/** A pod of a group, as {@linkcode PodInfo}. */
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

/** One of some words. */
export function Literals<const W extends string>(words: readonly W[]) {
  return Type.Union(words.map((word) => Type.Literal(word)));
}

/** How a group or a pod is: what the store does not say is not there. */
const Facts = {
  Drifts: Type.Optional(
    Type.Integer({ description: "How often it moved to another node." }),
  ),
  Health: Type.Optional(Literals(HEALTHS)),
  LastError: Type.Optional(Type.String()),
  OOMKilled: Type.Optional(
    Type.Boolean({ description: "It was killed for memory." }),
  ),
  Restarted: Type.Optional(
    Type.String({ description: "When it last was, in RFC 3339." }),
  ),
  Restarts: Type.Optional(
    Type.Integer({ description: "How often it was started anew." }),
  ),
  State: Type.Optional(Literals(STATES)),
  Target: Type.Optional(Literals(TARGETS)),
  Updated: Type.Optional(
    Type.String({ description: "When that was written, in RFC 3339." }),
  ),
};

/** A group's pods, and how it and they are. */
export const Group = Type.Object({
  ...Facts,
  Instances: Type.Optional(
    Type.Integer({ description: "How many there are to be." }),
  ),
  PodInfos: Type.Array(Type.Object({
    ...PodInfo.properties,
    ...Facts,
    Version: Type.Optional(
      Type.String({ description: "The release it runs." }),
    ),
  })),
}, { $id: "GroupAndState" });

type Facts = Static<TObject<typeof Facts>>;

function factsOf(
  { condition, updated }: Pick<Pod, "condition" | "updated">,
): Facts {
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

/** The release that a pod runs: its own, or the group's where the store does not say. */
export function versionOf(group: PodGroup, pod: Pod): string | undefined {
  return pod.containers[0]?.version || group.appVersion || undefined;
}

/** A group as {@linkcode Group}. */
export function groupJson(group: PodGroup): Json<typeof Group> {
  return {
    Instances: group.instances,
    PodInfos: group.pods.map((pod) => ({
      ...podInfo(group, pod),
      ...factsOf(pod),
      Version: versionOf(group, pod),
    })),
    ...factsOf(group),
  };
}

/** A group as JSON text of {@linkcode Group}. */
export function encodeGroup(group: PodGroup): string {
  return JSON.stringify(groupJson(group));
}
