import { useMemo } from "preact/hooks";
import { percent, reservedText } from "../../model/format.ts";
import type { Model, Node, Params } from "../../model/mod.ts";
import {
  badPods,
  maxReserved,
  nodeSummary,
  nodeText,
} from "../../model/status.ts";
import {
  Address,
  Facts,
  Mark,
  NodeLink,
  ReservationBar,
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
    width: "14%",
    text: ({ name }) => name,
    show: ({ name }) => <NodeLink name={name} />,
  },
  {
    name: "state",
    text: nodeText,
    // The worst first, by problems of the node before those of its pods.
    order: (node) => -nodeSummary(node).problems.length - badPods(node) / 1e6,
    show: (node) => <NodeState node={node} />,
  },
  {
    name: "address",
    width: "10rem",
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
    isMinor: true,
  },
  {
    name: "reserved",
    width: "6rem",
    text: (node) => percent(maxReserved(node)),
    order: maxReserved,
    isNumber: true,
    isBeside: true,
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
    width: "13rem",
    text: ({ memory }) => reservedText(memory, "memory"),
    order: ({ memory }) => memory.limits,
    show: ({ memory }) => (
      <ReservationBar resource="memory" reservation={memory} />
    ),
  },
];

/** The status of a node; links to its pods with problems. */
function NodeState({ node }: { node: Node }) {
  const bad = badPods(node);
  const status = bad > 0 ? "bad" : nodeSummary(node).status;
  const mark = <Mark status={status} text={nodeText(node)} />;
  if (bad === 0) return mark;
  return <a href={href(["pods"], { node: node.name, state: "bad" })}>{mark}</a>;
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
          ["state", <NodeState node={node} />],
          ["address", <Address ip={ip} />],
          ["pods", pods.length],
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
