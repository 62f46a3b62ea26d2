import type { App, Group, Model } from "../model.ts";
import {
  Address,
  ContainerLink,
  Facts,
  NodeLink,
  Portals,
  Table,
  Value,
} from "../parts.tsx";
import { href } from "../route.ts";

/** One app: its groups and their pods, where it is mounted, what it uses. */
export function AppView({ model, app }: { model: Model; app: App }) {
  const portals = model.portals.filter((portal) => portal.app === app.name);
  return (
    <>
      <h1>{app.name}</h1>
      <Facts
        facts={[
          ["version", <span class="mono">{app.version || "unknown"}</span>],
          ["groups", app.groups.length],
          [
            "instances",
            app.groups.reduce((sum, { instances }) => sum + instances, 0),
          ],
        ]}
      />
      {app.groups.map((group) => <GroupPart key={group.name} group={group} />)}
      <Portals
        title="Portals to what it uses"
        label="Portals"
        portals={portals}
        beside="node"
      />
    </>
  );
}

function GroupPart({ group }: { group: Group }) {
  const { annotation, containers, dependencies, mountpoints, name } = group;
  return (
    <section>
      <h2>{name}</h2>
      <Facts
        facts={[
          ["mount points", mountpoints.join(", ") || "none"],
          ["dependencies", dependencies.join(", ") || "none"],
          ["image", <span class="mono">{containers[0]?.info.Image}</span>],
        ]}
      />
      <Table
        label={`Pods of ${name}`}
        columns={["instance", "container", "address", "node"]}
        rows={containers.map((one) => [
          `${one.instance} ${one.id}`,
          one.instance,
          <ContainerLink container={one} />,
          <Address ip={one.ip} port={one.info.Expose} />,
          <NodeLink name={one.node} />,
        ])}
      />
      {annotation !== "" && (
        <details>
          <summary>Annotation</summary>
          <Value value={annotation} />
        </details>
      )}
      <p>
        <a href={href(["changes"], name)}>What changed in {name}</a>
      </p>
    </section>
  );
}
