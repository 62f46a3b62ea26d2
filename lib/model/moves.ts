/**
 * Pods that came to a node or left it, from the recorded changes.
 *
 * @module
 */
import { isObject } from "../json.ts";
import type { FieldChange, RecordedChange } from "./changes.ts";

/** A pod that was on another node before, or on none. */
export interface Move {
  readonly app: string;
  readonly group: string;
  readonly instance: number;
  /** The node before; "" for none: the pod was added, or waited for a node. */
  readonly from: string;
  /** The node since; "" for none. */
  readonly to: string;
  /** When, in ms since 1970. */
  readonly time: number;
}

/** The moves that a change of a group made. */
export function movesOf(
  { diff, kind, name, time }: RecordedChange,
): readonly Move[] {
  if (kind !== "group") return [];
  const slash = name.indexOf("/");
  const group = {
    app: name.slice(0, slash),
    group: name.slice(slash + 1),
    time: Date.parse(time),
  };
  return diff.flatMap(nodesOf)
    .filter(({ from, to }) => from !== to)
    .map((move) => ({ ...group, ...move }));
}

type Nodes = Pick<Move, "from" | "instance" | "to">;

/** The nodes before and after a difference of a group. */
function nodesOf({ after, before, path }: FieldChange): readonly Nodes[] {
  const [list, index, containers, first, field] = path;
  if (list === undefined) {
    const pods = (value: unknown): unknown[] =>
      isObject(value) && Array.isArray(value.PodInfos) ? value.PodInfos : [];
    const all = [
      ...pods(before).map((pod) => nodesOfPod(pod, undefined)),
      ...pods(after).map((pod) => nodesOfPod(undefined, pod)),
    ];
    return all.filter((one) => one !== undefined);
  }
  if (list !== "PodInfos" || typeof index !== "number") return [];
  if (containers === undefined) {
    const nodes = nodesOfPod(before, after);
    return nodes === undefined ? [] : [nodes];
  }
  if (containers !== "ContainerInfos" || first !== 0) return [];
  // Instances are counted from 1.
  const instance = index + 1;
  if (field === "NodeName") {
    return [{ instance, from: text(before), to: text(after) }];
  }
  return field === undefined
    ? [{ instance, from: nodeOf(before), to: nodeOf(after) }]
    : [];
}

/** Of a pod that was added or removed. */
function nodesOfPod(before: unknown, after: unknown): Nodes | undefined {
  const pod = after ?? before;
  if (!isObject(pod) || typeof pod.InstanceNo !== "number") return undefined;
  return {
    instance: pod.InstanceNo,
    from: firstNode(before),
    to: firstNode(after),
  };
}

function firstNode(pod: unknown): string {
  const containers = isObject(pod) ? pod.ContainerInfos : undefined;
  return Array.isArray(containers) ? nodeOf(containers[0]) : "";
}

function nodeOf(container: unknown): string {
  return isObject(container) ? text(container.NodeName) : "";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
