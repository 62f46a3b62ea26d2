import type { Model, Node } from "../model.ts";
import {
  Address,
  AppLink,
  bytes,
  ContainerLink,
  Facts,
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
