import type { Member } from "../lib/json.ts";
import { byApp } from "../lib/select.ts";
import { flat, view } from "../lib/view.ts";

/** All that is known of the pods: `{group: {PodInfos: […]}}`. */
export default view({
  paths: ["/v2/coreinfowatcher"],
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece: (group): Member[] => [[
    group.name,
    JSON.stringify({
      PodInfos: group.pods.map((pod) => ({
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
      })),
    }),
  ]],
  members: flat,
});
