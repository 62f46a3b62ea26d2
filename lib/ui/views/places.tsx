import { Ago, Bar, StateMark, Version } from "../marks.tsx";
import type { Container, Model, Node, Pod } from "../../model/mod.ts";
import { Address, AppLink, bytes, Facts, NodeLink, Value } from "../parts.tsx";
import { Table } from "../table.tsx";
import { NodeState } from "./nodes.tsx";
import { keyOf, PODS_OF_NODE } from "./pods.tsx";
import { Portals } from "./portals.tsx";
import { RecentOfNode } from "./recent.tsx";

/** One node: what the scheduler wrote of it, and what runs there. */
export function NodeView({ model, node }: { model: Model; node: Node }) {
  const { cpu, ip, memory, name, pods, value } = node;
  const portals = model.portals.filter((portal) => portal.node === name);
  return (
    <>
      <h1>{name}</h1>
      <Facts
        facts={[
          ["state", <NodeState node={node} />],
          ["address", <Address ip={ip} />],
          ["pods", pods.length],
        ]}
      />
      <div class="loads">
        <Bar unit="CPU" load={cpu} />
        <Bar unit="memory" load={memory} />
      </div>
      <RecentOfNode node={node} />
      <section>
        <h2>Pods</h2>
        <Table
          label={`Pods on ${name}`}
          columns={PODS_OF_NODE}
          items={pods}
          keyOf={keyOf}
          empty="Nothing runs here."
        />
      </section>
      <Portals
        title="Portals"
        label={`Portals on ${name}`}
        portals={portals}
        beside="app"
      />
      <section>
        <h2>As the scheduler has it</h2>
        {value === undefined
          ? <p class="bad">The store has no such node; containers name it.</p>
          : <Value value={value} />}
      </section>
    </>
  );
}

/** One container: where it is, and what it was specified to be. */
export function ContainerView(
  { container, pod }: { container: Container; pod: Pod },
) {
  const { app, group, id, info, instance, ip, node } = container;
  const { restarts, updated, version } = pod;
  return (
    <>
      <h1 class="mono">{id}</h1>
      <Facts
        facts={[
          ["state", <StateMark of={pod} />],
          ["changed", <Ago time={updated} />],
          ["restarts", restarts],
          ["app", <AppLink name={app} />],
          ["group", group],
          ["instance", instance],
          ["address", <Address ip={ip} port={info.Expose} />],
          ["node", <NodeLink name={node} />],
          ["version", version ? <Version version={version} /> : "unknown"],
          ["image", <span class="mono">{info.Image}</span>],
          ["CPU limit", info.Cpu],
          ["memory limit", bytes(info.Memory)],
        ]}
      />
      <section>
        <h2>Command</h2>
        <Value value={(info.Command ?? []).join(" ")} />
      </section>
      <section>
        <h2>Environment</h2>
        <Value value={(info.Env ?? []).join("\n")} />
      </section>
      <section>
        <h2>Volumes</h2>
        <Value value={(info.Volumes ?? []).join("\n")} />
      </section>
    </>
  );
}
