import type { Portal } from "../../model/mod.ts";
import { Address, AppLink, NodeLink } from "../parts.tsx";
import type { Column } from "../column.tsx";
import { Table } from "../table.tsx";

const PORTAL: Column<Portal> = {
  name: "portal",
  width: 40,
  text: ({ service }) => service,
};
const NODE: Column<Portal> = {
  name: "node",
  width: 25,
  text: ({ node }) => node,
  show: ({ node }) => <NodeLink name={node} />,
};
const APP: Column<Portal> = {
  name: "for",
  width: 25,
  text: ({ app }) => app,
  show: ({ app }) => <AppLink name={app} />,
};
const ADDRESSES: Column<Portal> = {
  name: "addresses",
  width: 30,
  text: ({ addresses }) => addresses.join(" "),
  show: ({ addresses }) =>
    addresses.map((one) => <Address key={one} ip={one} />),
};

const OF_APP = [PORTAL, NODE, ADDRESSES];
const OF_NODE = [PORTAL, APP, ADDRESSES];

/** Portals with their addresses; beside each the node that it is on, or the app that it is for. */
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
