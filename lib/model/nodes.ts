/**
 * The nodes, and how much of each its pods may use.
 *
 * @module
 */
import type { Container, Pod } from "./groups.ts";
import { sortNaturally } from "./natural.ts";

/** A machine of the cluster, or one that only containers name. */
export interface Node {
  readonly name: string;
  readonly ip: string;
  /** What the scheduler wrote of it. */
  readonly value?: Value;
  readonly pods: readonly Pod[];
  /** In CPUs. */
  readonly cpu: Reservation;
  /** In bytes. */
  readonly memory: Reservation;
}

type Value = Readonly<Record<string, unknown>>;

/** The sum of limits, and what there is, where the store says so. */
export interface Reservation {
  readonly limits: number;
  readonly capacity?: number;
}

/** What a node's memory is written in, in bytes. */
const GB = 2 ** 30;

/** @param declared by `<name>:<ip>:<ssh port>` */
export function nodesOf(
  declared: readonly (readonly [string, Value])[],
  pods: readonly Pod[],
): Map<string, Node> {
  const running = Map.groupBy(pods, ({ node }) => node);
  running.delete("");
  const nodes = new Map<string, Node>();
  for (const [key, value] of declared) {
    // The address may hold colons.
    const [, name = key, ip = ""] = /^([^:]*):(.*):[^:]*$/.exec(key) ?? [];
    nodes.set(name, nodeOf(name, ip, running.get(name) ?? [], value));
  }
  for (const [name, pods] of running) {
    if (nodes.has(name)) continue;
    const ip = pods[0]?.containers[0]?.info.NodeIp ?? "";
    nodes.set(name, nodeOf(name, ip, pods));
  }
  return new Map(sortNaturally(nodes, ([name]) => name));
}

function nodeOf(
  name: string,
  ip: string,
  pods: readonly Pod[],
  value?: Value,
): Node {
  const containers = pods.flatMap((pod) => pod.containers);
  const sum = (limitOf: (info: Container["info"]) => number) =>
    containers.reduce((all, { info }) => all + limitOf(info), 0);
  const cpus = numberOf(value?.cpus);
  const mem = numberOf(value?.mem);
  return {
    name,
    ip,
    value,
    pods,
    cpu: { limits: sum(({ Cpu }) => Cpu), capacity: cpus },
    memory: {
      limits: sum(({ Memory }) => Memory),
      capacity: mem && mem * GB,
    },
  };
}

/** A number that the scheduler wrote; it may be a text of one. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && number > 0 ? number : undefined;
}

/** Which part of what there is may be used; 0 where that is not known. */
export function reservedShare({ capacity, limits }: Reservation): number {
  return capacity === undefined ? 0 : limits / capacity;
}

/** Whether more may be used than there is. */
export function isOvercommitted({ cpu, memory }: Node): boolean {
  return reservedShare(cpu) > 1 || reservedShare(memory) > 1;
}

/** What is wrong with a node itself, whatever its pods are like. */
export function nodeProblems({ cpu, memory, value }: Node): string[] {
  return [
    ...value === undefined ? ["not declared"] : [],
    ...reservedShare(memory) > 1 ? ["over its memory"] : [],
    ...reservedShare(cpu) > 1 ? ["over its CPUs"] : [],
  ];
}
