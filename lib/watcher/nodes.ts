import { checkDepth, InvalidValue } from "./fields.ts";
import { canonical, isObject, parseExact } from "../json.ts";
import type { Subtree } from "./subtree.ts";

/** A node of the cluster: a JSON object that is passed on unchanged. */
export interface Node {
  /** The object as JSON text with sorted keys. */
  readonly json: string;
}

/** `/lain/nodes/nodes/<name>:<ip>:<ssh port>` */
export const nodes: Subtree<Node> = {
  name: "nodes",
  prefix: "/lain/nodes/nodes/",
  parse(key, text) {
    if (key.startsWith(":")) throw new InvalidValue("the key has no name");
    const value = parseExact(checkDepth(text));
    if (!isObject(value)) throw new InvalidValue("the value must be an object");
    return { json: canonical(value) };
  },
};

/** What a node has, where its value says so: CPUs, and memory in bytes. */
export interface Capacity {
  readonly CPU?: number;
  readonly memory?: number;
}

/** The unit in which the scheduler registers memory, in bytes. */
const GB = 2 ** 30;

/** @param value what is registered of a node */
export function capacityOf(
  { cpus, mem }: Readonly<Record<string, unknown>>,
): Capacity {
  const memory = numberOf(mem);
  return { CPU: numberOf(cpus), memory: memory && memory * GB };
}

/** A number that the scheduler registered, perhaps as text. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && number > 0 ? number : undefined;
}
