import { troublesOf } from "../../client/trouble.ts";
import { groupsOf, membersOf, nodeOf, type Pod } from "./cluster.ts";
import {
  type Cell,
  cell,
  inOrder,
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
    { title: "UNWELL", align: "right" },
    { title: "CPUS", align: "right" },
    { title: "CPU%", align: "right" },
    { title: "MEMORY", align: "right" },
    { title: "MEM%", align: "right" },
  ], (overview) => {
    const pods = Map.groupBy(
      groupsOf(overview).flatMap(({ pods }) => pods),
      ({ node }) => node,
    );
    const declared = membersOf(overview, "node").map(([key, value]) => {
      const { name, ip } = nodeOf(key);
      return rowOf(name, ip, value, pods.get(name) ?? []);
    });
    const names = new Set(declared.map(({ name }) => name));
    // Of these the scheduler wrote nothing but where its containers are.
    const others = [...pods].filter(([name]) => name !== "" && !names.has(name))
      .map(([name, pods]) => rowOf(name, pods[0]?.nodeAddress ?? "", {}, pods));
    return inOrder([...declared, ...others]);
  });
}

function rowOf(
  name: string,
  address: string,
  value: Readonly<Record<string, unknown>>,
  pods: readonly Pod[],
): Row {
  const sum = (of: "cpu" | "memory") =>
    pods.reduce((sum, pod) => sum + pod[of], 0);
  const cpu = loadOf(sum("cpu"), value.cpus);
  const memory = loadOf(sum("memory") / GB, value.mem);
  const unwell = pods.filter((pod) => troublesOf(pod).length > 0).length;
  return {
    name,
    value: { node: name, address, pods: pods.length, unwell, cpu, memory },
    cells: [
      cell(name),
      cell(address),
      String(pods.length),
      cell(unwell, unwell > 0 ? "bad" : undefined),
      ...loadCells(cpu, ""),
      ...loadCells(memory, " GB"),
    ],
    isWell: unwell === 0 && !isOver(cpu) && !isOver(memory),
  };
}

/** What pods may use, and what there is, where that is known. */
interface Load {
  readonly limits: number;
  readonly capacity?: number;
}

function loadOf(limits: number, told: unknown): Load {
  const capacity = Number(told);
  return {
    limits: Math.round(100 * limits) / 100,
    ...capacity > 0 ? { capacity } : {},
  };
}

function isOver({ limits, capacity = Infinity }: Load): boolean {
  return limits > capacity;
}

function loadCells(load: Load, unit: string): [Cell, Cell] {
  const { limits, capacity } = load;
  const used = limits < 10 ? limits : Math.round(limits);
  if (capacity === undefined) return [`${used}/?${unit}`, NOTHING];
  return [
    `${used}/${capacity}${unit}`,
    cell(
      `${Math.round(100 * limits / capacity)}%`,
      isOver(load) ? "bad" : undefined,
    ),
  ];
}
