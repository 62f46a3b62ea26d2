import type { App, Group, Model } from "../model.ts";
import {
  Address,
  AppLink,
  ContainerLink,
  Facts,
  NodeLink,
  Portals,
  Table,
  Value,
} from "../parts.tsx";
import { href } from "../route.ts";

/** All apps, with what of them runs. */
export function AppsView({ model }: { model: Model }) {
  return (
    <>
      <h1>Apps</h1>
      <Table
        label="Apps"
        columns={["app", "version", "groups", "instances", "without address"]}
        rows={[...model.apps.values()].map((app) => [
          app.name,
          <AppLink name={app.name} />,
          <span class="mono">{app.version}</span>,
          app.groups.length,
          sum(app.groups, ({ instances }) => instances),
          <Missing
            count={sum(app.groups, ({ containers }) =>
              containers.filter(({ ip }) => ip === "").length)}
          />,
        ])}
      />
    </>
  );
}

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0);
}

function Missing({ count }: { count: number }) {
  return count > 0 ? <strong class="bad">{count}</strong> : <>0</>;
}

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
          ["instances", sum(app.groups, ({ instances }) => instances)],
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
