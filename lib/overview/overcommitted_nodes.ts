import type { Cluster } from "../watcher/cluster.ts";
import { type Capacity, capacityOf } from "../watcher/nodes.ts";
import { type RawNumber, toDouble } from "../json.ts";
import type { PodGroup } from "../watcher/podgroup.ts";
import type { Beginning } from "./recorded_since.ts";

const RESOURCES = ["CPU", "memory"] as const;

type Resource = typeof RESOURCES[number];

/** Since when a node is overcommitted, by resource. */
type Beginnings = Partial<Record<Resource, Beginning>>;

/** What limits of the pods of a node reserve. */
interface Reserved extends Record<Resource, number> {
  pods: number;
}

/** More than any node has. A larger limit counts as this, so that sums stay exact when it is subtracted again. */
const MAX_LIMIT = 2 ** 50;

/** Since when the limits of a node's containers reserve more than it has. */
export class OvercommittedNodes {
  /** By node. */
  readonly #reserved = new Map<string, Reserved>();
  readonly #since = new Map<string, Beginnings>();

  constructor(private readonly cluster: Cluster) {
    const { nodes, podgroup } = cluster;
    podgroup.subscribe("derived", (changes, _readAt, earliest) => {
      const touched = new Set<string>();
      for (const { previous, value } of changes) {
        this.#add(previous, -1, touched);
        this.#add(value, 1, touched);
      }
      this.#judge(touched, earliest === undefined);
    });
    nodes.subscribe("derived", (changes, _readAt, earliest) => {
      const names = changes.map(({ key }) => key.slice(0, key.indexOf(":")));
      this.#judge(new Set(names), earliest === undefined);
    });
  }

  /** By the name of the node. */
  get since(): Iterable<readonly [node: string, Beginnings]> {
    return this.#since;
  }

  /** A pod counts at the node of its first container. */
  #add(group: PodGroup | undefined, sign: 1 | -1, touched: Set<string>): void {
    for (const { containers } of group?.pods ?? []) {
      const [first] = containers;
      if (first === undefined) continue;
      const node = first.nodeName || first.nodeIp;
      touched.add(node);
      const sums = this.#reserved.get(node) ?? { CPU: 0, memory: 0, pods: 0 };
      sums.pods += sign;
      for (const { spec } of containers) {
        sums.CPU += sign * limitOf(spec.cpu);
        sums.memory += sign * limitOf(spec.memory);
      }
      if (sums.pods === 0) this.#reserved.delete(node);
      else this.#reserved.set(node, sums);
    }
  }

  /** @param isSeen whether what changed was seen when it happened */
  #judge(names: Iterable<string>, isSeen: boolean): void {
    const { nodes, podgroup } = this.cluster;
    const isLive = isSeen && nodes.isSynced && podgroup.isSynced;
    const now = { time: Date.now(), isAtLeast: !isLive };
    for (const name of names) {
      const reserved = this.#reserved.get(name);
      const capacity = this.#capacityOf(name);
      const old = this.#since.get(name);
      const over = RESOURCES.filter((one) =>
        (reserved?.[one] ?? 0) > (capacity[one] ?? Infinity)
      );
      if (over.length === 0) this.#since.delete(name);
      else {
        this.#since.set(
          name,
          Object.fromEntries(over.map((one) => [one, old?.[one] ?? now])),
        );
      }
    }
  }

  /** Of several registrations the last one counts. */
  #capacityOf(name: string): Capacity {
    const last = [...this.cluster.nodes.entries(`${name}:`)].at(-1);
    return last === undefined ? {} : capacityOf(JSON.parse(last[1].json));
  }
}

function limitOf(written: number | RawNumber): number {
  return Math.max(0, Math.min(MAX_LIMIT, toDouble(written)));
}
