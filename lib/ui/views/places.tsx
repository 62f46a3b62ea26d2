import type { Container, Model, Node } from "../model.ts";
import {
  Address,
  AppLink,
  bytes,
  ContainerLink,
  Facts,
  NodeLink,
  Portals,
  Table,
  Value,
} from "../parts.tsx";

/** One node: what the scheduler wrote of it, and what runs there. */
export function NodeView({ model, node }: { model: Model; node: Node }) {
  const { containers, ip, name, value } = node;
  const portals = model.portals.filter((portal) => portal.node === name);
  return (
    <>
      <h1>{name}</h1>
      <Facts
        facts={[
          ["address", <Address ip={ip} />],
          ["containers", containers.length],
          [
            "memory limits",
            bytes(containers.reduce((all, { info }) => all + info.Memory, 0)),
          ],
        ]}
      />
      <Table
        label={`Containers on ${name}`}
        columns={["app", "group", "instance", "container", "address"]}
        rows={containers.map((one) => [
          one.id,
          <AppLink name={one.app} />,
          one.group,
          one.instance,
          <ContainerLink container={one} />,
          <Address ip={one.ip} port={one.info.Expose} />,
        ])}
      />
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
