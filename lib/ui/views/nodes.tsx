import { useMemo } from "preact/hooks";
import { Bar, Mark } from "../marks.tsx";
import type { Model, Node } from "../../model/mod.ts";
import { loadOf } from "../../model/needs.ts";
import { Address, NodeLink } from "../parts.tsx";
import type { Params } from "../../model/place.ts";
import { href, setQuery } from "../route.ts";
import { type Column, Table } from "../table.tsx";
import { loadText } from "../../model/words.ts";

const COLUMNS: readonly Column<Node>[] = [
  {
    name: "node",
    width: 14,
    text: ({ name }) => name,
    show: ({ name }) => <NodeLink name={name} />,
  },
  {
    name: "address",
    width: 14,
    text: ({ ip }) => ip,
    show: ({ ip }) => <Address ip={ip} />,
    isMinor: true,
  },
  {
    name: "pods",
    width: 8,
    text: ({ pods }) => String(pods.length),
    order: ({ pods }) => pods.length,
    isNumber: true,
    isMinor: true,
  },
  {
    name: "not well",
    width: 12,
    text: (node) => String(badOf(node)),
    order: badOf,
    show: (node) => {
      const bad = badOf(node);
      if (bad === 0) return "0";
      return (
        <a href={href(["pods"], { node: node.name, state: "bad" })}>
          <Mark look="bad" text={String(bad)} />
        </a>
      );
    },
    isNumber: true,
  },
  {
    name: "load",
    width: 10,
    text: (node) => `${Math.round(loadOf(node) * 100)} %`,
    order: loadOf,
    isNumber: true,
  },
  {
    name: "CPU",
    width: 21,
    text: ({ cpu }) => loadText(cpu, "CPU"),
    order: ({ cpu }) => cpu.limits,
    show: ({ cpu }) => <Bar unit="CPU" load={cpu} />,
    isMinor: true,
  },
  {
    name: "memory",
    width: 21,
    text: ({ memory }) => loadText(memory, "memory"),
    order: ({ memory }) => memory.limits,
    show: ({ memory }) => <Bar unit="memory" load={memory} />,
  },
];

function badOf({ pods }: Node): number {
  return pods.filter(({ troubles }) => troubles.length > 0).length;
}

/** All nodes, with what of them may be used. */
export function NodesView({ model, params }: { model: Model; params: Params }) {
  const nodes = useMemo(() => [...model.nodes.values()], [model.nodes]);
  return (
    <>
      <h1>Nodes</h1>
      <Table
        label="Nodes"
        columns={COLUMNS}
        items={nodes}
        keyOf={({ name }) => name}
        params={params}
        onParams={(next) => setQuery(["nodes"], next)}
        empty="There are no nodes."
      />
    </>
  );
}
