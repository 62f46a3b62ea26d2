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
import type { Action } from "./story.ts";

/** The node and the group whose values are sometimes invalid. */
const NODE: NodeSpec = { name: "odd", ip: "192.168.77.29" };
const GROUP = { app: "odd", proc: "web.web" };

/** Values that are invalid for a node and for a group. */
const INVALID: readonly [string | Uint8Array, ...(string | Uint8Array)[]] = [
  // Not "": not every store can hold an empty value.
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

/** The subtrees that their watchers read. */
const SUBTREES = {
  node: "/lain/nodes/nodes/",
  group: "/lain/deployd/pod_groups/",
} as const;

/** Names in responses that come from their values, possibly after the name of a node. */
const ODD = /(^|\/)odd[.:]/;

/**
 * A response without the names that come from values that may be invalid: for
 * these, lainlet serves the last valid value that it has received, if any,
 * which may differ from lainlet to lainlet.
 */
export function withoutOdd(response: unknown): unknown {
  if (!isObject(response)) return response;
  return Object.fromEntries(
    Object.entries(response).flatMap(([name, value]) =>
      ODD.test(name)
        ? []
        : [[name, name === "Data" ? withoutOdd(value) : value]]
    ),
  );
}

/** Records the written values, and checks how lainlets serve them. */
export class InvalidValues {
  /** By mark: the number of the write of that valid value. */
  readonly #valid = new Map<string, number>();
  #writes = 0;
  /** The number of the last removal of each key. */
  readonly #removed = { node: 0, group: 0 };
  /** By lainlet and kind: the mark of the value that it last served. */
  readonly #served = new Map<string, { starts: number; mark: string }>();

  /** To be called when a valid value is written. @param mark identifies the value */
  recordValid(mark: string): void {
    this.#valid.set(mark, ++this.#writes);
  }

  /** To be called when a key may have been removed. */
  recordRemoved(kind: Kind): void {
    this.#removed[kind] = ++this.#writes;
  }

  /** To be called when both keys may have been removed. */
  recordAllRemoved(): void {
    for (const kind of KINDS) this.recordRemoved(kind);
  }

  /**
   * Describes an error in how a lainlet serves them; undefined: there is none.
   *
   * @param present returns the present value of a key; absent: the lainlet need
   * not have received the present values
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
      if (mark !== undefined && !this.#valid.has(mark)) {
        return `${key} has a value that was never written: ${mark}`;
      }
      const last = this.#served.get(`${name} ${kind}`);
      const isSameProcess = last?.starts === starts;
      const writtenAt = this.#valid.get(last?.mark ?? "") ?? 0;
      if (mark !== undefined) {
        this.#served.set(`${name} ${kind}`, { starts, mark });
      } else if (isSameProcess && writtenAt > this.#removed[kind]) {
        return `${key} has lost its last valid value: ${last?.mark}`;
      }
      if (present === undefined) continue;
      const value = present(KEYS[kind]);
      const expected = value && markOf(new TextDecoder().decode(value));
      const isInvalid = value !== undefined && expected === undefined;
      if (!isInvalid && mark !== expected) {
        return `${key} is served as ${mark}, not ${expected}`;
      }
      if (watcher.rejected.has(key) !== isInvalid) {
        return `${key} is ${
          isInvalid ? "invalid, but not" : "valid or absent, but"
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
export function writeInvalid(random: Random, i: number): Action {
  const kind = random.pick(KINDS);
  const [which, invalid] = [random.below(5), random.pick(INVALID)];
  const valid = kind === "node" ? nodeValue(NODE, i) : groupValue({
    ...GROUP,
    version: `${i}`,
    instances: [{ node: NODE, ip: "127.27.7.7" }],
  });
  const [how, value] = which < 3
    ? ["put an invalid value of", invalid]
    : which === 3
    ? ["put", valid]
    : ["delete", null];
  return {
    text: `${how} ${KEYS[kind]}`,
    async perform(story) {
      const { invalid } = story.world;
      if (value === null) invalid.recordRemoved(kind);
      if (value === valid) invalid.recordValid(`${i}`);
      // Values of etcd's v2 API are text: it sends them as JSON.
      const isText = !story.world.service.hasTransactions;
      const written = value instanceof Uint8Array && isText
        ? new TextDecoder().decode(value)
        : value;
      await story.write({ [KEYS[kind]]: written });
    },
  };
}
