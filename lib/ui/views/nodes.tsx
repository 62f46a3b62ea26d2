import { useMemo } from "preact/hooks";
import { Bar, Mark } from "../marks.tsx";
import type { Model, Node } from "../../model/mod.ts";
import { maxReserved } from "../../model/issues.ts";
import { nodeProblems } from "../../model/nodes.ts";
import { Address, NodeLink } from "../parts.tsx";
import type { Params } from "../../model/place.ts";
import { href, setQuery } from "../route.ts";
import type { Column } from "../column.tsx";
import { Table } from "../table.tsx";
import { plural, reservedText } from "../../model/format.ts";

const COLUMNS: readonly Column<Node>[] = [
  {
    name: "node",
    width: 14,
    text: ({ name }) => name,
    show: ({ name }) => <NodeLink name={name} />,
  },
  {
    name: "state",
    width: 24,
    text: stateOf,
    // The worst first, what is wrong with the node itself before its pods.
    order: (node) => -nodeProblems(node).length - badOf(node) / 1e6,
    show: (node) => <NodeState node={node} />,
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
    name: "load",
    width: 10,
    text: (node) => `${Math.round(maxReserved(node) * 100)} %`,
    order: maxReserved,
    isNumber: true,
    isBeside: true,
  },
  {
    name: "CPU",
    width: 21,
    text: ({ cpu }) => reservedText(cpu, "CPU"),
    order: ({ cpu }) => cpu.limits,
    show: ({ cpu }) => <Bar unit="CPU" load={cpu} />,
    isMinor: true,
  },
  {
    name: "memory",
    width: 21,
    text: ({ memory }) => reservedText(memory, "memory"),
    order: ({ memory }) => memory.limits,
    show: ({ memory }) => <Bar unit="memory" load={memory} />,
  },
];

function badOf({ pods }: Node): number {
  return pods.filter(({ problems }) => problems.length > 0).length;
}

/** What is wrong with a node, and how many of its pods are not well. */
function stateOf(node: Node): string {
  const bad = badOf(node);
  const pods = bad > 0 ? [`${plural(bad, "pod")} not well`] : [];
  return [...nodeProblems(node), ...pods].join(", ") || "well";
}

/** The same with its mark; it leads to those of its pods that are not well. */
export function NodeState({ node }: { node: Node }) {
  const text = stateOf(node);
  const mark = <Mark look={text === "well" ? "good" : "bad"} text={text} />;
  if (badOf(node) === 0) return mark;
  return <a href={href(["pods"], { node: node.name, state: "bad" })}>{mark}</a>;
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
