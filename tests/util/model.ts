import {
  dependsKey,
  dependsValue,
  groupKey,
  groupValue,
  nodeKey,
  type NodeSpec,
  nodeValue,
} from "../../scripts/cluster.ts";
import type { Changes } from "./store.ts";

const NODES: readonly [NodeSpec, NodeSpec] = [
  { name: "node1", ip: "192.168.77.21" },
  { name: "node2", ip: "192.168.77.22" },
];

/** Values that are invalid where JSON is expected. */
const BAD = ["", "{", "null", "[]", "{}x"];

/** A repeatable source of choices (Park and Miller, 1988). */
export class Random {
  constructor(private seed: number) {}

  below(limit: number): number {
    this.seed = this.seed * 48271 % 2147483647;
    return this.seed % limit;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }
}

/** Random changes to a cluster. */
export class Model {
  /** The last valid value of each key that is not deleted. */
  readonly #good = new Map<string, string>();

  /**
   * @param hasBad whether some values are invalid
   * @param hasEmpty whether a key may have an empty value; else that removes it
   */
  constructor(
    private readonly random: Random,
    private readonly hasBad: boolean,
    private readonly hasEmpty = true,
  ) {}

  /** The content that a lainlet serves after all changes. */
  served(content: readonly (readonly [string, string])[]): [string, string][] {
    return content.map(([key, text]) => [
      key,
      isBad(key, text) ? this.#good.get(key) ?? text : text,
    ]);
  }

  /** One to five keys, put or deleted. */
  next(): Changes {
    const changes: Record<string, string | null> = {};
    for (let i = this.random.below(5); i >= 0; i--) {
      const [key, value] = this.#entry();
      if (key in changes) continue; // etcd takes a key once in a transaction.
      const choice = this.random.below(10);
      changes[key] = choice < 3
        ? null
        : choice < 5 && this.hasBad && !isConfig(key)
        ? BAD[this.random.below(BAD.length)] ?? ""
        : value;
      const isGone = choice < 3 || changes[key] === "" && !this.hasEmpty;
      if (isGone) this.#good.delete(key);
      else if (changes[key] === value) this.#good.set(key, value);
    }
    return changes;
  }

  #entry(): [key: string, value: string] {
    const { random } = this;
    const node = random.pick(NODES);
    const app = `app${random.below(4)}`;
    const ip = () =>
      random.below(2) === 0 ? "" : `127.21.0.${random.below(250) + 1}`;
    switch (random.below(6)) {
      case 0:
        return [
          `/lain/config/${
            random.pick(["s", "ssl", "st/a", "vips/1", "domain"])
          }`,
          `${random.below(5)}`,
        ];
      case 1:
        return [nodeKey(node), nodeValue(node, random.below(5))];
      case 2:
        return [
          dependsKey(app),
          dependsValue(node, `app${random.below(4)}`, ip()),
        ];
      default: {
        const port = random.below(3) * 1000;
        const group = {
          app,
          proc: random.pick(["web.web", "worker.job", "web.admin"]),
          port,
          version: `${random.below(3)}`,
          annotation: random.below(2) === 0 ? {} : {
            ports: [{ srcport: port + random.below(3), dstport: port }],
          },
          instances: Array.from({ length: random.below(4) }, () => ({
            node: random.pick(NODES),
            ip: ip(),
          })),
        };
        return [groupKey(group), groupValue(group)];
      }
    }
  }
}

function isConfig(key: string): boolean {
  return key.startsWith("/lain/config/");
}

function isBad(key: string, text: string): boolean {
  return BAD.includes(text) && !isConfig(key);
}
