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

/** The node and the group whose values are bad now and then. */
const NODE: NodeSpec = { name: "odd", ip: "192.168.77.29" };
const GROUP = { app: "odd", proc: "web.web" };

/** Values that are bad for both. */
const BAD: readonly [string | Uint8Array, ...(string | Uint8Array)[]] = [
  // Where a store has no empty values, "" is none.
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

/** Where the watchers have them. */
const SUBTREES = {
  node: "/lain/nodes/nodes/",
  group: "/lain/deployd/pod_groups/",
} as const;

/** What is in an answer because of them begins so, after a node's name where it has one. */
const ODD = /(^|\/)odd[.:]/;

/**
 * An answer without what a value that was bad once makes of it: that depends on
 * what a lainlet saw before.
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

/** What was written as their values, and what lainlets make of that. */
export class BadValues {
  /** When each good value was written, by what tells it from others: a number that grows. */
  readonly #good = new Map<string, number>();
  #writes = 0;
  /** The same of when each key was last removed. */
  readonly #removed = { node: 0, group: 0 };
  /** What each lainlet held last. */
  readonly #held = new Map<string, { starts: number; mark: string }>();

  /** To be called with a good value that is written. @param mark tells it from others */
  note(mark: string): void {
    this.#good.set(mark, ++this.#writes);
  }

  /** To be called when a key was removed, or may have been. */
  noteRemoved(kind: Kind): void {
    this.#removed[kind] = ++this.#writes;
  }

  /** The same of both. */
  noteAllRemoved(): void {
    for (const kind of KINDS) this.noteRemoved(kind);
  }

  /**
   * What is wrong with what a lainlet holds of them; undefined: nothing is.
   *
   * @param present the present values, when it has to hold these; undefined: it need not
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
        return `${key} is served as what it never was: ${mark}`;
      }
      const last = this.#held.get(`${name} ${kind}`);
      const isRunning = last?.starts === starts;
      const writtenAt = this.#good.get(last?.mark ?? "") ?? 0;
      if (mark !== undefined) {
        this.#held.set(`${name} ${kind}`, { starts, mark });
      } else if (isRunning && writtenAt > this.#removed[kind]) {
        return `${key} has lost its last good value: ${last?.mark}`;
      }
      if (present === undefined) continue;
      const value = present(KEYS[kind]);
      const expected = value && markOf(new TextDecoder().decode(value));
      const isBad = value !== undefined && expected === undefined;
      if (!isBad && mark !== expected) {
        return `${key} is served as ${mark}, not ${expected}`;
      }
      if (watcher.rejected.has(key) !== isBad) {
        return `${key} is ${isBad ? "bad" : "good"}, and that is not told`;
      }
    }
  }
}

/** What tells a good value from others; undefined: it is a bad one. */
function markOf(text = ""): string | undefined {
  return /(?:"cpus":|VERSION=)(\d+)/.exec(text)?.[1];
}

/** Writes a value that is bad, or good again. */
export function writeOdd(random: Random, i: number): Omit<Operation, "after"> {
  const kind = random.pick(KINDS);
  const [which, bad] = [random.below(5), random.pick(BAD)];
  const good = kind === "node" ? nodeValue(NODE, i) : groupValue({
    ...GROUP,
    version: `${i}`,
    instances: [{ node: NODE, ip: "127.27.7.7" }],
  });
  const [how, value] = which < 3
    ? ["put, and bad", bad]
    : which === 3
    ? ["put", good]
    : ["deleted", null];
  return {
    text: `${KEYS[kind]} is ${how}`,
    async perform(story) {
      const { bad } = story.world;
      if (value === null) bad.noteRemoved(kind);
      if (value === good) bad.note(`${i}`);
      // etcd's v2 API is of JSON, and has text only.
      const isText = !story.world.service.hasTransactions;
      const written = value instanceof Uint8Array && isText
        ? new TextDecoder().decode(value)
        : value;
      await story.write({ [KEYS[kind]]: written });
    },
  };
}
