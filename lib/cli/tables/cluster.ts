/**
 * The cluster as tables need it, of an overview.
 *
 * @module
 */
import type { Data } from "../../client/client.ts";

type Overview = Data<"overview">;
type Group = Overview[`group/${string}`];

/** What the store says of a group or a pod, where it does. */
interface Told {
  readonly State?: string;
  readonly Health?: string;
  readonly Restarts?: number;
  readonly Updated?: string | number;
  readonly LastError?: string;
  readonly OOMKilled?: boolean;
  readonly Target?: string;
}

/** A pod, and what it may use. */
export interface Pod {
  readonly app: string;
  readonly group: string;
  readonly instance: number;
  readonly node: string;
  readonly nodeAddress: string;
  readonly address: string;
  readonly port: number;
  readonly containerId: string;
  readonly version: string;
  readonly state?: string;
  readonly health?: string;
  readonly restarts?: number;
  readonly updated?: string | number;
  readonly error?: string;
  readonly oom?: boolean;
  readonly target?: string;
  /** In CPUs. */
  readonly cpu: number;
  /** In bytes. */
  readonly memory: number;
}

/** A group of pods that are alike. */
export interface PodGroup {
  readonly app: string;
  readonly name: string;
  /** How many pods there are to be, where the store says so. */
  readonly wanted?: number;
  readonly pods: readonly Pod[];
}

/** All groups of pods. */
export function groupsOf(overview: Overview): PodGroup[] {
  return membersOf(overview, "group").map(([key, group]) => {
    const [app = "", name = ""] = key.split("/");
    const { Instances: wanted }: Group & { readonly Instances?: number } =
      group;
    return { app, name, wanted, pods: podsOf(app, name, group) };
  });
}

function podsOf(app: string, group: string, { PodInfos }: Group): Pod[] {
  return PodInfos.map((info) => {
    const told: typeof info & Told = info;
    const [first] = info.ContainerInfos;
    const sum = (of: "Cpu" | "Memory") =>
      info.ContainerInfos.reduce((sum, container) => sum + container[of], 0);
    return {
      app,
      group,
      instance: info.InstanceNo,
      node: first?.NodeName || first?.NodeIp || "",
      nodeAddress: first?.NodeIp ?? "",
      address: first?.ContainerIp ?? "",
      port: first?.Expose ?? 0,
      containerId: first?.ContainerId ?? "",
      version: versionOf(first?.Env ?? []),
      state: told.State,
      health: told.Health,
      restarts: told.Restarts,
      updated: told.Updated,
      error: told.LastError,
      oom: told.OOMKilled,
      target: told.Target,
      cpu: sum("Cpu"),
      memory: sum("Memory"),
    };
  });
}

/** What LAIN released, of a container's environment. */
function versionOf(env: readonly string[]): string {
  const variable = "LAIN_APP_RELEASE_VERSION=";
  return env.find((item) => item.startsWith(variable))
    ?.slice(variable.length) ?? "";
}

type Kind = "config" | "depends" | "group" | "node";

/** The members of a kind, by the rest of their names. */
export function membersOf<K extends Kind>(
  overview: Overview,
  kind: K,
): [name: string, value: Overview[`${K}/${string}`]][] {
  const isOfKind = (key: string): key is `${K}/${string}` =>
    key.startsWith(`${kind}/`);
  return Object.keys(overview).filter(isOfKind)
    .map((key) => [key.slice(kind.length + 1), overview[key]]);
}

/** `<name>:<ip>:<ssh port>`, where the address may hold colons. */
export function nodeOf(key: string): { name: string; ip: string } {
  const [, name = key, ip = ""] = /^([^:]*):(.*):[^:]*$/.exec(key) ?? [];
  return { name, ip };
}
