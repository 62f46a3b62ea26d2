/**
 * Makes values as LAIN's scheduler writes them to the store, for the demo,
 * tests and benchmarks.
 *
 * @module
 */

/** A node of the cluster. */
export interface NodeSpec {
  readonly name: string;
  readonly ip: string;
}

/** How a pod is, by the number that the scheduler writes. */
const STATES = [
  "pending",
  "drift",
  "success",
  "exit",
  "fail",
  "inconsistent",
  "missing",
  "removed",
  "paused",
  "error",
] as const;

/** What its health check says, by the number that the scheduler writes. */
const HEALTHS = ["none", "starting", "healthy", "unhealthy"] as const;

/** How a group or a pod is; what is not given is not written. */
export interface Condition {
  readonly state?: typeof STATES[number];
  readonly health?: typeof HEALTHS[number];
  /** Whether it was killed for memory. */
  readonly oom?: boolean;
  readonly error?: string;
  /** RFC 3339 */
  readonly updated?: string;
}

/** As most groups and pods are. */
export const WELL = {
  state: "success",
  health: "healthy",
  oom: false,
  error: "",
} as const satisfies Condition;

/** A time in ms since 1970 as the scheduler writes it: RFC 3339, with nanoseconds. */
export function written(time: number): string {
  return new Date(time).toISOString().replace("Z", "000000Z");
}

/** One running instance of a pod. */
export interface InstanceSpec extends Condition {
  readonly node: NodeSpec;
  /** The container's address; "" when it lost it. */
  readonly ip: string;
  /** The container's id; made from the group and the instance when not given. */
  readonly id?: string;
  /** What it runs while the group is at another version. */
  readonly version?: string;
  readonly target?: "run" | "stop";
  readonly restarts?: number;
  /** RFC 3339 */
  readonly restarted?: string;
  readonly drifts?: number;
}

/** A pod group of containers that are all alike. */
export interface GroupSpec extends Condition {
  readonly app: string;
  /** `<type>.<proc>`, like `web.web`. */
  readonly proc: string;
  readonly version?: string;
  readonly port?: number;
  readonly annotation?: unknown;
  /** What a container may use, in CPUs. */
  readonly cpu?: number;
  /** What a container may use, in bytes. */
  readonly memory?: number;
  /** More of its environment, as `NAME=value`. */
  readonly env?: readonly string[];
  /** Services that its pods use. */
  readonly services?: readonly string[];
  readonly instances: readonly InstanceSpec[];
  /** How many instances there are to be. */
  readonly wanted?: number;
}

export function groupKey({ app, proc }: GroupSpec): string {
  return `/lain/deployd/pod_groups/${app}/${app}.${proc}`;
}

/** A condition's members, as a group and a pod have them. */
function conditionFields(
  { state, health, oom, error, updated }: Condition,
): Record<string, unknown> {
  return {
    State: state && STATES.indexOf(state),
    Healthst: health && HEALTHS.indexOf(health),
    OOMkilled: oom,
    LastError: error,
    UpdatedAt: updated,
  };
}

/** The value of a pod group. */
export function groupValue(spec: GroupSpec): string {
  const { app, proc, version = "1", port = 8080, annotation = {} } = spec;
  const { cpu = 1, env = [], memory = 268435456, services = [] } = spec;
  const imageOf = (version: string) =>
    `registry.lain.local/${app}:release-${version}`;
  const name = `${app}.${proc}`;
  const procName = proc.split(".").at(-1) ?? proc;
  return JSON.stringify({
    Spec: {
      Name: name,
      Namespace: app,
      Pod: {
        Name: name,
        Namespace: app,
        Annotation: JSON.stringify(annotation),
        Containers: [{
          Command: ["/app/run", "--port", String(port)],
          CpuLimit: cpu,
          Env: [
            `LAIN_APPNAME=${app}`,
            `LAIN_PROCNAME=${procName}`,
            `LAIN_APP_RELEASE_VERSION=${version}`,
            ...env,
          ],
          Expose: port,
          Image: imageOf(version),
          MemoryLimit: memory,
          Volumes: null,
        }],
        Dependencies: services.map((service) => ({
          PodName: portalName(service),
          Policy: 0,
        })),
      },
      NumInstances: spec.wanted,
    },
    Pods: spec.instances.map((instance, i) => ({
      InstanceNo: i + 1,
      Containers: [{
        Id: instance.id ?? `${name}-${i + 1}`,
        NodeName: instance.node.name,
        NodeIp: instance.node.ip,
        ContainerIp: instance.ip,
        ContainerPort: port,
        Runtime: {
          Config: {
            Env: [`LAIN_PROCNAME=${procName}`],
            Image: instance.version && imageOf(instance.version),
          },
        },
      }],
      ...conditionFields(instance),
      TargetState: instance.target && Number(instance.target === "stop"),
      RestartCount: instance.restarts,
      RestartAt: instance.restarted,
      DriftCount: instance.drifts,
    })),
    ...conditionFields(spec),
  });
}

function portalName(service: string): string {
  return `${service}.portal.portal-${service}`;
}

export function dependsKey(service: string): string {
  return `/lain/deployd/depends/pods/${portalName(service)}`;
}

/** What makes a service reachable for an app on a node. */
export interface PortalSpec {
  readonly node: NodeSpec;
  readonly app: string;
  readonly ip: string;
}

/** The value of a service's portals; of those of an app on a node the last counts. */
export function portalsValue(
  portals: readonly PortalSpec[],
  port = 8080,
): string {
  const value: Record<string, Record<string, unknown>> = {};
  for (const { node, app, ip } of portals) {
    (value[node.name] ??= {})[app] = {
      Spec: { Annotation: "" },
      Pod: {
        Containers: [{
          Id: `portal-for-${app}-${node.name}`,
          NodeIp: node.ip,
          ContainerIp: ip,
          ContainerPort: port,
        }],
      },
    };
  }
  return JSON.stringify(value);
}

/** The value of a service with one portal. */
export function dependsValue(
  node: NodeSpec,
  app: string,
  ip: string,
  port = 8080,
): string {
  return portalsValue([{ node, app, ip }], port);
}

export function nodeKey({ name, ip }: NodeSpec): string {
  return `/lain/nodes/nodes/${name}:${ip}:22`;
}

/** The value of a node. @param mem in GB */
export function nodeValue(
  { name, ip }: NodeSpec,
  cpus = 4,
  mem?: number,
): string {
  return JSON.stringify({ name, ip, ssh_port: "22", cpus, mem });
}
