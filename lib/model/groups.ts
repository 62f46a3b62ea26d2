/**
 * Pod groups, as the dashboard's views need them.
 *
 * @module
 */
import type { Data } from "../client/client.ts";
import { type Health, healthOf, type Reported } from "./health.ts";

export type GroupValue =
  & Data<"overview">[`group/${string}`]
  & Reported
  & { readonly Instances?: number };
type PodValue = GroupValue["PodInfos"][number] & Reported;
type Info = PodValue["ContainerInfos"][number];

/** A running container, and where it belongs. Names are well-formed, as URLs hold them: a lone surrogate is U+FFFD. */
export interface Container {
  readonly id: string;
  readonly app: string;
  readonly group: string;
  readonly instance: number;
  /** "" while it has none. */
  readonly ip: string;
  readonly node: string;
  readonly info: Info;
}

/** One instance of a group, with what its first container says. */
export interface Pod extends Health {
  /** `<app>/<group>/<instance>` */
  readonly key: string;
  readonly app: string;
  readonly group: string;
  readonly instance: number;
  /** "" while it is on none. */
  readonly node: string;
  readonly ip: string;
  /** 0: it has none. */
  readonly port: number;
  readonly version: string;
  readonly containers: readonly Container[];
}

/** The equal pods of a proc. */
export interface Group extends Health {
  readonly app: string;
  readonly name: string;
  /** How many pods there are, and, where the store says so, are to be. */
  readonly instances: number;
  readonly wanted?: number;
  readonly pods: readonly Pod[];
  readonly containers: readonly Container[];
  readonly annotation: string;
  /** Where routers mount it: `shop.example/`. */
  readonly mountpoints: readonly string[];
  /** Services that it uses, by the names of their portal pods. */
  readonly dependencies: readonly string[];
}

/** @param key `<app>/<group>` */
export function groupOf(key: string, value: GroupValue): Group {
  const { PodInfos, Instances } = value;
  const slash = key.indexOf("/");
  const app = key.slice(0, slash);
  const name = key.slice(slash + 1);
  const annotation = PodInfos[0]?.Annotation ?? "";
  const pods = PodInfos.map((pod) => podOf(app, name, pod));
  return {
    ...healthOf(value, true),
    app,
    name,
    instances: pods.length,
    wanted: Instances,
    annotation,
    mountpoints: mountpointsOf(annotation),
    dependencies: [
      ...new Set(
        PodInfos.flatMap(({ Dependencies }) =>
          Dependencies.map(({ PodName }) => PodName)
        ),
      ),
    ],
    pods,
    containers: pods.flatMap(({ containers }) => containers),
  };
}

function podOf(app: string, group: string, value: PodValue): Pod {
  const { ContainerInfos, InstanceNo: instance, Version = "" } = value;
  const containers = ContainerInfos.map((info) => ({
    id: info.ContainerId.toWellFormed(),
    app,
    group,
    instance,
    ip: info.ContainerIp,
    node: (info.NodeName || info.NodeIp).toWellFormed(),
    info,
  }));
  const { ip = "", info, node = "" } = containers[0] ?? {};
  return {
    ...healthOf(value, ip !== ""),
    key: `${app}/${group}/${instance}`,
    app,
    group,
    instance,
    node,
    ip,
    port: info?.Expose ?? 0,
    version: Version,
    containers,
  };
}

function mountpointsOf(annotation: string): string[] {
  try {
    const { mountpoint } = Object(JSON.parse(annotation));
    return Array.isArray(mountpoint) ? mountpoint.map(String) : [];
  } catch {
    // An annotation may be any text.
    return [];
  }
}
