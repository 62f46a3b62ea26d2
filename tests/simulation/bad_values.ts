import {
  groupKey,
  groupValue,
  nodeKey,
  type NodeSpec,
  nodeValue,
} from "../../scripts/cluster.ts";
import { isObject } from "../../lib/json.ts";
import type { Random } from "../util/model.ts";
import type { SimulatedLainlet } from "./lainlet.ts";
import type { Operation } from "./story.ts";

/** The node and the group whose values are sometimes invalid. */
const NODE: NodeSpec = { name: "odd", ip: "192.168.77.29" };
const GROUP = { app: "odd", proc: "web.web" };

/** Values that are invalid for both. */
const BAD: readonly [string | Uint8Array, ...(string | Uint8Array)[]] = [
  // Not "": a store without empty values cannot hold it.
  " ",
  "{",
  "null",
  "[]",
  '"text"',
  '{"Spec":{"Name":"odd.web.web","Namespace":"odd","Pod":{"Containers":1}},"Pods":[]',
  `{"a":${"[".repeat(300)}${"]".repeat(300)}}`,
  Uint8Array.of(0x7b, 0xff, 0x7d),
];

const KEYS: Readonly<Record<Kind, string>> = {
  node: nodeKey(NODE),
  group: groupKey({ ...GROUP, instances: [] }),
};

const KINDS = ["node", "group"] as const;
type Kind = typeof KINDS[number];

/** The subtrees of their watchers. */
const SUBTREES = {
  node: "/lain/nodes/nodes/",
  group: "/lain/deployd/pod_groups/",
} as const;

/** Names in responses that come from their values, possibly after the name of a node. */
const ODD = /(^|\/)odd[.:]/;

/**
 * A response without names from values that may be invalid: for these, lainlet
 * serves the last valid value that it has received, if any.
 */
export function withoutOdd(answer: unknown): unknown {
  if (!isObject(answer)) return answer;
  return Object.fromEntries(
    Object.entries(answer).flatMap(([name, value]) =>
      ODD.test(name)
        ? []
        : [[name, name === "Data" ? withoutOdd(value) : value]]
    ),
  );
}

/** Records the written values, and checks how lainlets serve them. */
export class BadValues {
  /** By mark: the number of the write of each valid value. */
  readonly #good = new Map<string, number>();
  #writes = 0;
  /** The number of the last removal of each key. */
  readonly #removed = { node: 0, group: 0 };
  /** The value that each lainlet last served. */
  readonly #held = new Map<string, { starts: number; mark: string }>();

  /** To be called when a valid value is written. @param mark identifies the value */
  note(mark: string): void {
    this.#good.set(mark, ++this.#writes);
  }

  /** To be called when a key was possibly removed. */
  noteRemoved(kind: Kind): void {
    this.#removed[kind] = ++this.#writes;
  }

  /** To be called when both keys were possibly removed. */
  noteAllRemoved(): void {
    for (const kind of KINDS) this.noteRemoved(kind);
  }

  /**
   * The error in how a lainlet serves them; undefined: none.
   *
   * @param present the present values, if it must serve these; undefined: it need not
   */
  problem(
    { name, starts, lainlet: { cluster } }: SimulatedLainlet,
    present?: (key: string) => Uint8Array | undefined,
  ): string | undefined {
    for (const kind of KINDS) {
      const key = KEYS[kind].slice(SUBTREES[kind].length);
      const watcher = kind === "node" ? cluster.nodes : cluster.podgroup;
      const mark = kind === "node"
        ? markOf(cluster.nodes.get(key)?.json)
        : cluster.podgroup.get(key)?.appVersion;
      if (mark !== undefined && !this.#good.has(mark)) {
        return `${key} has a value that was never written: ${mark}`;
      }
      const last = this.#held.get(`${name} ${kind}`);
      const isRunning = last?.starts === starts;
      const writtenAt = this.#good.get(last?.mark ?? "") ?? 0;
      if (mark !== undefined) {
        this.#held.set(`${name} ${kind}`, { starts, mark });
      } else if (isRunning && writtenAt > this.#removed[kind]) {
        return `${key} has lost its last valid value: ${last?.mark}`;
      }
      if (present === undefined) continue;
      const value = present(KEYS[kind]);
      const expected = value && markOf(new TextDecoder().decode(value));
      const isBad = value !== undefined && expected === undefined;
      if (!isBad && mark !== expected) {
        return `${key} is served as ${mark}, not ${expected}`;
      }
      if (watcher.rejected.has(key) !== isBad) {
        return `${key} is ${
          isBad ? "invalid, and not" : "valid, but"
        } reported`;
      }
    }
  }
}

/** The number that identifies a valid value; undefined: it is invalid. */
function markOf(text = ""): string | undefined {
  return /(?:"cpus":|VERSION=)(\d+)/.exec(text)?.[1];
}

/** Writes an invalid value, or a valid one again. */
export function writeOdd(random: Random, i: number): Omit<Operation, "after"> {
  const kind = random.pick(KINDS);
  const [which, bad] = [random.below(5), random.pick(BAD)];
  const good = kind === "node" ? nodeValue(NODE, i) : groupValue({
    ...GROUP,
    version: `${i}`,
    instances: [{ node: NODE, ip: "127.27.7.7" }],
  });
  const [how, value] = which < 3
    ? ["put an invalid value of", bad]
    : which === 3
    ? ["put", good]
    : ["delete", null];
  return {
    text: `${how} ${KEYS[kind]}`,
    async perform(story) {
      const { bad } = story.world;
      if (value === null) bad.noteRemoved(kind);
      if (value === good) bad.note(`${i}`);
      // etcd's v2 API is JSON: values are text.
      const isText = !story.world.service.hasTransactions;
      const written = value instanceof Uint8Array && isText
        ? new TextDecoder().decode(value)
        : value;
      await story.write({ [KEYS[kind]]: written });
    },
  };
}
