import {
  type Condition,
  condition,
  optionalCount,
  optionalTime,
} from "./condition.ts";
import { checkDepth, Fields, InvalidValue } from "./fields.ts";
import { parse, type RawNumber } from "../json.ts";
import { intern } from "./fields.ts";
import type { Subtree } from "./subtree.ts";

/** A group of equal pods of an app. */
export interface PodGroup {
  readonly name: string;
  readonly app: string;
  /** Free text, usually JSON: mount points, ports, backups. */
  readonly annotation: string;
  readonly appVersion: string;
  readonly dependencies: readonly Dependency[];
  readonly pods: readonly Pod[];
  /** The desired number of instances; undefined when not known. */
  readonly instances: number | undefined;
  readonly condition: Condition;
  /** When the scheduler last updated it, in RFC 3339; undefined when not known. */
  readonly updated: string | undefined;
}

/** A service that the pods use, named by its portal pod. */
export interface Dependency {
  readonly podName: string;
  readonly policy: number;
}

/** An instance of a group. */
export interface Pod {
  readonly instanceNo: number;
  readonly containers: readonly Container[];
  readonly condition: Condition;
  /** As {@linkcode PodGroup.updated}. */
  readonly updated: string | undefined;
}

/** A running container with its specification. */
export interface Container {
  readonly id: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  /** "" while it has none. */
  readonly ip: string;
  readonly port: number;
  /** The name of its proc, from its environment; "" when not set. */
  readonly procName: string;
  /** The release that it runs, which may differ from the group's; "" when not known. */
  readonly version: string;
  readonly spec: ContainerSpec;
}

/** The specification of a container; a list is null when it was not given. */
export interface ContainerSpec {
  readonly command: readonly string[] | null;
  readonly env: readonly string[] | null;
  readonly image: string;
  readonly cpu: number | RawNumber;
  readonly memory: number | RawNumber;
  readonly expose: number;
  readonly volumes: readonly string[] | null;
}

/** `/lain/deployd/pod_groups/<app>/<group>` */
export const podgroup: Subtree<PodGroup> = {
  name: "podgroup",
  prefix: "/lain/deployd/pod_groups/",
  parse(key, text) {
    if (!/^[^/]+\/./s.test(key)) {
      throw new InvalidValue("the key must be <app>/<group>");
    }
    const group = Fields.of(parse(checkDepth(text)));
    const spec = group.object("Spec");
    const pod = spec.object("Pod");
    const specs = pod.objects("Containers").map(containerSpec);
    return {
      name: spec.string("Name"),
      app: spec.internedString("Namespace"),
      annotation: pod.internedString("Annotation"),
      appVersion: variable(specs[0]?.env ?? null, "LAIN_APP_RELEASE_VERSION"),
      dependencies: pod.objects("Dependencies").map((d) => ({
        podName: d.internedString("PodName"),
        policy: d.number("Policy"),
      })),
      pods: group.objects("Pods").map((p) => ({
        instanceNo: p.number("InstanceNo"),
        containers: p.objects("Containers").map((c, i) => {
          const spec = specs[i];
          if (spec === undefined) {
            throw new InvalidValue("a pod has more containers than specified");
          }
          return container(c, spec);
        }),
        condition: condition(p),
        updated: optionalTime(p.raw("UpdatedAt")),
      })),
      instances: optionalCount(spec.raw("NumInstances")),
      condition: condition(group),
      updated: optionalTime(group.raw("UpdatedAt")),
    };
  },
};

function containerSpec(spec: Fields): ContainerSpec {
  return {
    command: spec.internedStrings("Command"),
    env: spec.internedStrings("Env"),
    image: spec.internedString("Image"),
    cpu: spec.exact("CpuLimit"),
    memory: spec.exact("MemoryLimit"),
    expose: spec.number("Expose"),
    volumes: spec.internedStrings("Volumes"),
  };
}

function container(c: Fields, spec: ContainerSpec): Container {
  const config = c.object("Runtime").object("Config");
  const env = config.strings("Env");
  return {
    id: c.string("Id"),
    nodeName: c.internedString("NodeName"),
    nodeIp: c.internedString("NodeIp"),
    ip: c.string("ContainerIp"),
    port: c.number("ContainerPort"),
    procName: variable(env, "LAIN_PROCNAME"),
    version: release(config.raw("Image")),
    spec,
  };
}

/** The value of an environment variable; "" when it is not set. */
function variable(env: readonly string[] | null, name: string): string {
  const found = env?.find((item) => item.startsWith(`${name}=`));
  return intern(found?.slice(name.length + 1) ?? "");
}

/** The release in an image's name, `26` in `registry.lain.local/shop:release-26`; "" when there is none. */
export function release(image: unknown): string {
  const [, version = ""] =
    typeof image === "string" && /:release-(.+)$/.exec(image) || [];
  return intern(version);
}
