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

/** One running instance of a pod. */
export interface InstanceSpec {
  readonly node: NodeSpec;
  /** The container's address; "" when it lost it. */
  readonly ip: string;
  /** The container's id; made from the group and the instance when not given. */
  readonly id?: string;
}

/** A pod group of containers that are all alike. */
export interface GroupSpec {
  readonly app: string;
  /** `<type>.<proc>`, like `web.web`. */
  readonly proc: string;
  readonly version?: string;
  readonly port?: number;
  readonly annotation?: unknown;
  readonly instances: readonly InstanceSpec[];
}

export function groupKey({ app, proc }: GroupSpec): string {
  return `/lain/deployd/pod_groups/${app}/${app}.${proc}`;
}

/** The value of a pod group. */
export function groupValue(spec: GroupSpec): string {
  const { app, proc, version = "1", port = 8080, annotation = {} } = spec;
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
          CpuLimit: 1,
          Env: [
            `LAIN_APPNAME=${app}`,
            `LAIN_PROCNAME=${procName}`,
            `LAIN_APP_RELEASE_VERSION=${version}`,
          ],
          Expose: port,
          Image: `registry.lain.local/${app}:release-${version}`,
          MemoryLimit: 268435456,
          Volumes: null,
        }],
        Dependencies: [],
      },
    },
    Pods: spec.instances.map(({ node, ip, id }, i) => ({
      InstanceNo: i + 1,
      Containers: [{
        Id: id ?? `${name}-${i + 1}`,
        NodeName: node.name,
        NodeIp: node.ip,
        ContainerIp: ip,
        ContainerPort: port,
        Runtime: { Config: { Env: [`LAIN_PROCNAME=${procName}`] } },
      }],
    })),
  });
}

export function dependsKey(service: string): string {
  return `/lain/deployd/depends/pods/${service}.portal.portal-${service}`;
}

/** The value of a service's portals: one for an app on a node. */
export function dependsValue(
  node: NodeSpec,
  app: string,
  ip: string,
  port = 8080,
): string {
  return JSON.stringify({
    [node.name]: {
      [app]: {
        Spec: { Annotation: "" },
        Pod: {
          Containers: [{
            Id: `portal-for-${app}-${node.name}`,
            NodeIp: node.ip,
            ContainerIp: ip,
            ContainerPort: port,
          }],
        },
      },
    },
  });
}

export function nodeKey({ name, ip }: NodeSpec): string {
  return `/lain/nodes/nodes/${name}:${ip}:22`;
}

/** The value of a node. */
export function nodeValue({ name, ip }: NodeSpec, cpus = 4): string {
  return JSON.stringify({ name, ip, ssh_port: "22", cpus });
}
