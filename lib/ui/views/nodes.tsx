import { useMemo } from "preact/hooks";
import { percent, reservedText } from "../../model/format.ts";
import type { Model, Node, Params } from "../../model/mod.ts";
import {
  badPods,
  maxReserved,
  missingLimits,
  nodeSummary,
  summaryText,
  withoutLimit,
} from "../../model/status.ts";
import {
  Address,
  Facts,
  NodeLink,
  ReservationBar,
  SummaryMark,
  Value,
} from "../parts.tsx";
import { href, setQuery } from "../route.ts";
import { type Column, Table } from "../table.tsx";
import { RecentChangesOfNode } from "./changes.tsx";
import { Portals } from "./dependencies.tsx";
import { keyOf, PODS_OF_NODE } from "./pods.tsx";

const COLUMNS: readonly Column<Node>[] = [
  {
    name: "node",
    width: "8rem",
    text: ({ name }) => name,
    show: ({ name }) => <NodeLink name={name} />,
  },
  {
    name: "state",
    text: (node) => summaryText(nodeSummary(node)),
    // The worst first.
    order: (node) => -nodeSummary(node).parts.length,
    show: (node) => <SummaryMark of={nodeSummary(node)} />,
  },
  {
    name: "problems",
    width: "6rem",
    text: (node) => String(badPods(node)),
    order: badPods,
    show: (node) => <BadPods node={node} />,
    isNumber: true,
    isBeside: true,
  },
  {
    name: "address",
    width: "9.5rem",
    text: ({ ip }) => ip,
    show: ({ ip }) => <Address ip={ip} />,
    isMinor: true,
  },
  {
    name: "pods",
    width: "4.5rem",
    text: ({ pods }) => String(pods.length),
    order: ({ pods }) => pods.length,
    isNumber: true,
    isWide: true,
  },
  {
    name: "reserved",
    width: "6rem",
    text: (node) => percent(maxReserved(node)),
    order: maxReserved,
    isNumber: true,
  },
  {
    name: "CPU",
    width: "10.5rem",
    isWide: true,
    text: ({ cpu }) => reservedText(cpu, "CPU"),
    order: ({ cpu }) => cpu.limits,
    show: ({ cpu }) => <ReservationBar resource="CPU" reservation={cpu} />,
  },
  {
    name: "memory",
    width: "12rem",
    isWide: true,
    text: ({ memory }) => reservedText(memory, "memory"),
    order: ({ memory }) => memory.limits,
    show: ({ memory }) => (
      <ReservationBar resource="memory" reservation={memory} />
    ),
  },
  {
    name: "without a limit",
    width: "8.5rem",
    text: withoutLimit,
    order: missingLimits,
    isWide: true,
  },
];

/** How many pods of a node have a problem; links to them. */
function BadPods({ node }: { node: Node }) {
  const bad = badPods(node);
  if (bad === 0) return <span class="dim">0</span>;
  return <a href={href(["pods"], { node: node.name, state: "bad" })}>{bad}</a>;
}

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
        empty="No nodes."
      />
    </>
  );
}

/** One node: its pods, its portals, and what the scheduler registered. */
export function NodeView({ model, node }: { model: Model; node: Node }) {
  const { cpu, ip, memory, name, pods, value } = node;
  const portals = model.portals.filter((portal) => portal.node === name);
  return (
    <>
      <h1>{name}</h1>
      <Facts
        facts={[
          ["state", <SummaryMark of={nodeSummary(node)} />],
          ["address", <Address ip={ip} />],
          ["pods", pods.length],
          ["pods with problems", <BadPods node={node} />],
          ["without a limit", withoutLimit(node) || "none"],
        ]}
      />
      <div class="reservations">
        <span class="dim">reserved (limits)</span>
        <ReservationBar resource="CPU" reservation={cpu} />
        <ReservationBar resource="memory" reservation={memory} />
      </div>
      <RecentChangesOfNode model={model} node={node} />
      <section>
        <h2>Pods</h2>
        <Table
          label={`Pods on ${name}`}
          columns={PODS_OF_NODE}
          items={pods}
          keyOf={keyOf}
          empty="No pods."
        />
      </section>
      <Portals
        title="Portals"
        label={`Portals on ${name}`}
        portals={portals}
        beside="app"
      />
      <section>
        <h2>Registration</h2>
        {value === undefined
          ? (
            <p class="bad">
              This node is not registered; only its containers name it.
            </p>
          )
          : <Value value={value} />}
      </section>
    </>
  );
}
