import { bytes, podName } from "../../model/format.ts";
import { variableOf } from "../../model/environment.ts";
import type { Container, Group, Model, Pod } from "../../model/mod.ts";
import {
  Address,
  Age,
  AppLink,
  Command,
  Copyable,
  Facts,
  HealthMark,
  NodeLink,
  Secret,
  Value,
  Version,
} from "../parts.tsx";
import { base } from "../route.ts";
import { Table } from "../table.tsx";
import { RecentChangesOfPod } from "./changes.tsx";
import { keyOf, PODS } from "./pods.tsx";

/** The pod of an instance, and its group. */
export interface PodInGroup {
  readonly group: Group;
  readonly pod: Pod;
}

export function findPod(
  { apps }: Model,
  app: string,
  name: string,
  instance: string,
): PodInGroup | undefined {
  const group = apps.get(app)?.groups.find((one) => one.name === name);
  const pod = group?.pods.find((one) => String(one.instance) === instance);
  return group && pod && { group, pod };
}

/** The pod of a container. */
export function findContainer(
  { apps, nodes }: Model,
  node: string,
  id: string,
): PodInGroup | undefined {
  const pod = nodes.get(node)?.pods
    .find(({ containers }) => containers.some((one) => one.id === id));
  const group = pod &&
    apps.get(pod.app)?.groups.find(({ pods }) => pods.includes(pod));
  return group && pod && { group, pod };
}

/** One pod: where it is and how, what it runs, what changed, and the others of its group. */
export function PodView(
  { group, model, pod }: PodInGroup & { model: Model },
) {
  const { app, containers, ip, node, port, restarts, updated, version } = pod;
  const siblings = group.pods.filter((one) => one !== pod);
  const [first] = containers;
  return (
    <>
      <h1>{podName(pod)}</h1>
      <p class="lead">
        <HealthMark of={pod} />
      </p>
      <Facts
        facts={[
          ["address", <Address ip={ip} port={port} />],
          [
            "node",
            node === "" ? <span class="dim">none</span> : (
              <>
                <NodeLink name={node} />{" "}
                <Address ip={model.nodes.get(node)?.ip ?? ""} />
              </>
            ),
          ],
          ["app", <AppLink name={app} />],
          ["group", <AppLink name={app}>{group.name}</AppLink>],
          ["version", version ? <Version version={version} /> : "unknown"],
          ["restarts", restarts],
          ["changed", <Age time={updated} />],
        ]}
      />
      {containers.map((one, i) => (
        <ContainerSection
          key={one.id}
          container={one}
          title={containers.length === 1
            ? "Container"
            : `Container ${i + 1} of ${containers.length}`}
        />
      ))}
      {first === undefined && <p class="dim">It has no container.</p>}
      <RecentChangesOfPod
        model={model}
        pod={pod}
        index={group.pods.indexOf(pod)}
      />
      <section>
        <h2>Other pods of {group.name}</h2>
        <Table
          label={`Other pods of ${group.name}`}
          columns={PODS}
          items={siblings}
          keyOf={keyOf}
          empty="No other pods."
        />
      </section>
      <section>
        <h2>Commands</h2>
        <Command words={["lainlet", "find", podName(pod)]} />
        <Command words={["lainlet", "pods", app]} />
        <Command words={["lainlet", "changes", app, "--since", "24h"]} />
        <Command words={["curl", "-s", podsUrl(app)]} />
      </section>
    </>
  );
}

/** Where lainlet has the pods of an app, as JSON. */
function podsUrl(app: string): string {
  const url = new URL("v2/pods", base());
  url.searchParams.set("appname", app);
  return url.href;
}

function ContainerSection(
  { container, title }: { container: Container; title: string },
) {
  const { id, info } = container;
  const environment = (info.Env ?? []).map(variableOf);
  return (
    <section>
      <h2>{title}</h2>
      <Facts
        facts={[
          ["id", id === "" ? "none" : <Copyable text={id} />],
          [
            "image",
            info.Image === "" ? "unknown" : <Copyable text={info.Image} />,
          ],
          ["CPU limit", info.Cpu === 0 ? "none" : info.Cpu],
          ["memory limit", info.Memory === 0 ? "none" : bytes(info.Memory)],
          ["command", <Value value={(info.Command ?? []).join(" ")} />],
          ["volumes", <Value value={(info.Volumes ?? []).join("\n")} />],
        ]}
      />
      <h3>Environment</h3>
      {environment.length === 0 && <p class="dim">empty</p>}
      <dl class="variables mono">
        {environment.map(({ isSecret, name, value }, i) => (
          <div key={i}>
            <dt>{name}</dt>
            <dd>{isSecret ? <Secret name={name} value={value} /> : value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
