import { modelOf, type Node } from "../../model/mod.ts";
import {
  nodeProblems,
  type Reservation,
  reservedShare,
} from "../../model/nodes.ts";
import {
  type Cell,
  cell,
  type Listing,
  listing,
  NOTHING,
  type Row,
} from "./listing.ts";

const GB = 2 ** 30;

/** The nodes, and what their pods may use of what they have. */
export function nodes(): Listing {
  return listing("overview", {}, [
    { title: "NODE", least: 16, cut: "middle" },
    { title: "ADDRESS", spare: 1 },
    { title: "PODS", align: "right" },
    { title: "CPUS", align: "right" },
    { title: "CPU%", align: "right" },
    { title: "MEMORY", align: "right" },
    { title: "MEM%", align: "right" },
    { title: "STATUS", least: 14 },
  ], (overview) => Array.from(modelOf(overview).nodes.values(), rowOf));
}

/** How a node is, and its pods. */
export function healthOf(node: Node) {
  const { length: unwell } = node.pods
    .filter(({ problems }) => problems.length > 0);
  const faults = nodeProblems(node);
  const words = [...faults, ...unwell > 0 ? [`${unwell} unwell`] : []];
  const status = words.length > 0
    ? cell(words.join(", "), "bad")
    : cell("well", "good");
  return { faults, status, unwell };
}

function rowOf(node: Node): Row {
  const { name, ip, pods, cpu, memory } = node;
  const { faults, status, unwell } = healthOf(node);
  return {
    name,
    value: {
      node: name,
      address: ip,
      pods: pods.length,
      unwell,
      cpu,
      memory,
      faults,
    },
    cells: [
      cell(name),
      cell(ip),
      String(pods.length),
      ...loadCells(cpu, 1, ""),
      ...loadCells(memory, GB, " GB"),
      status,
    ],
    // A pod that is not well says nothing of its node.
    isWell: faults.length === 0,
  };
}

/** What may be used of what there is, and which part that is. */
function loadCells(
  load: Reservation,
  unit: number,
  name: string,
): [Cell, Cell] {
  const limits = load.limits / unit;
  const used = limits < 10 ? Math.round(10 * limits) / 10 : Math.round(limits);
  if (load.capacity === undefined) return [`${used}/?${name}`, NOTHING];
  const part = reservedShare(load);
  return [
    `${used}/${Math.round(load.capacity / unit)}${name}`,
    cell(`${Math.round(100 * part)}%`, part > 1 ? "bad" : undefined),
  ];
}
