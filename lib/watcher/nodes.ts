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
