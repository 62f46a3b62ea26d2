import { Bar } from "../marks.tsx";
import type { Container, Model, Node } from "../../model/mod.ts";
import { Address, AppLink, bytes, Facts, NodeLink, Value } from "../parts.tsx";
import { href } from "../route.ts";
import { Table } from "../table.tsx";
import { keyOf, PODS_OF_NODE } from "./pods.tsx";
import { Portals } from "./portals.tsx";
import { RecentOfNode } from "./recent.tsx";

/** One node: what the scheduler wrote of it, and what runs there. */
export function NodeView({ model, node }: { model: Model; node: Node }) {
  const { cpu, ip, memory, name, pods, value } = node;
  const bad = pods.filter(({ troubles }) => troubles.length > 0).length;
  const portals = model.portals.filter((portal) => portal.node === name);
  return (
    <>
      <h1>{name}</h1>
      <Facts
        facts={[
          ["address", <Address ip={ip} />],
          ["pods", pods.length],
          [
            "not well",
            bad === 0 ? 0 : (
              <a
                class="bad"
                href={href(["pods"], { node: name, state: "bad" })}
              >
                {bad}
              </a>
            ),
          ],
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
export function ContainerView({ container }: { container: Container }) {
  const { app, group, id, info, instance, ip, node } = container;
  return (
    <>
      <h1 class="mono">{id}</h1>
      <Facts
        facts={[
          ["app", <AppLink name={app} />],
          ["group", group],
          ["instance", instance],
          ["address", <Address ip={ip} port={info.Expose} />],
          ["node", <NodeLink name={node} />],
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
