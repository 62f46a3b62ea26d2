/**
 * What uses what: portals, and the apps that they lead to.
 *
 * @module
 */
import { sortNaturally } from "../../model/format.ts";
import type { App, Group, Model, Portal } from "../../model/mod.ts";
import { serviceOf } from "../../watcher/depends.ts";
import { Address, AppLink, NodeLink } from "../parts.tsx";
import { type Column, Table } from "../table.tsx";

const PORTAL: Column<Portal> = {
  name: "portal",
  width: "40%",
  text: ({ service }) => service,
};
const NODE: Column<Portal> = {
  name: "node",
  width: "9rem",
  text: ({ node }) => node,
  show: ({ node }) => <NodeLink name={node} />,
};
const APP: Column<Portal> = {
  name: "for",
  width: "25%",
  text: ({ app }) => app,
  show: ({ app }) => <AppLink name={app} />,
};
const ADDRESSES: Column<Portal> = {
  name: "addresses",
  text: ({ addresses }) => addresses.join(" "),
  show: ({ addresses }) =>
    addresses.map((one) => <Address key={one} ip={one} />),
};

const OF_APP = [PORTAL, NODE, ADDRESSES];
const OF_NODE = [PORTAL, APP, ADDRESSES];

/** Portals of an app, with their nodes, or portals on a node, with their apps. */
export function Portals({ title, label, portals, beside }: {
  title: string;
  label: string;
  portals: readonly Portal[];
  beside: "node" | "app";
}) {
  if (portals.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <Table
        label={label}
        columns={beside === "node" ? OF_APP : OF_NODE}
        items={portals}
        keyOf={({ app, node, service }) => `${service} ${node} ${app}`}
      />
    </section>
  );
}

/** The portals that a group uses, each a link to the app that offers it. */
export function Uses({ model, group }: { model: Model; group: Group }) {
  return (
    <AppLinks
      items={group.dependencies.map((portal) => [portal, serviceOf(portal)])}
      model={model}
    />
  );
}

/** The apps that use an app. */
export function UsedBy({ model, app }: { model: Model; app: App }) {
  const users = [
    ...[...model.apps.values()].filter(({ groups }) =>
      groups.some(({ dependencies }) =>
        dependencies.some((portal) => serviceOf(portal) === app.name)
      )
    ).map(({ name }) => name),
    // A portal outlives the dependency that it was made for.
    ...model.portals.filter(({ service }) => serviceOf(service) === app.name)
      .map((portal) => portal.app),
  ];
  const names = sortNaturally(new Set(users), (name) => name);
  return <AppLinks items={names.map((name) => [name, name])} model={model} />;
}

function AppLinks({ items, model }: {
  items: readonly (readonly [text: string, app: string])[];
  model: Model;
}) {
  if (items.length === 0) return <span class="dim">none</span>;
  return (
    <>
      {items.map(([text, app], i) => (
        <span key={text}>
          {i > 0 && ", "}
          {model.apps.has(app)
            ? <AppLink name={app}>{text}</AppLink>
            : <>{text} (no such app)</>}
        </span>
      ))}
    </>
  );
}
