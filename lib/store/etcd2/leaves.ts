import { parse } from "../../json.ts";
import { type Node, nodeOf } from "./messages.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * The most that is read of one key, or of one event, in bytes: etcd takes
 * values of 10 MB at the most, and JSON may need six characters for each.
 */
export const MAX_LEAF = 64 * 1024 * 1024;

/**
 * Reads the keys out of the answer to a recursive GET, as it comes: v2 has no
 * pages, and the answer of a large subtree, its text and what a parser makes
 * of that would be in memory three times. A key is an object that holds no
 * other one, so it is found by counting braces.
 */
export class Leaves {
  readonly #decoder = new TextDecoder();
  /** Parts, in earlier pieces, of the object that was opened last. */
  #begun: Uint8Array[] = [];
  #size = 0;
  #depth = 0;
  #isLeaf = false;
  #isInString = false;
  #isEscaped = false;
  #isOver = false;

  /**
   * The keys that are whole with this piece of the answer.
   *
   * @throws {Error} when it is not what etcd says
   */
  *push(piece: Uint8Array): Generator<Node> {
    let from = 0;
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i];
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInString = false;
      } else if (byte === QUOTE) {
        this.#isInString = true;
      } else if (byte === OPEN) {
        if (this.#isOver) {
          throw new Error("etcd's answer goes on after its end");
        }
        this.#depth++;
        this.#isLeaf = true;
        this.#begin();
        from = i;
      } else if (byte === CLOSE) {
        if (this.#isLeaf) {
          const node = this.#end(piece.subarray(from, i + 1));
          if (!node.isDirectory) yield node;
        }
        this.#isLeaf = false;
        this.#isOver = --this.#depth <= 0;
      }
    }
    if (!this.#isLeaf) return;
    this.#size += piece.length - from;
    if (this.#size > MAX_LEAF) throw new Error("etcd's answer is too long");
    this.#begun.push(piece.slice(from));
  }

  /** @throws {Error} when the answer is not whole */
  close(): void {
    if (!this.#isOver) throw new Error("etcd's answer is cut off");
  }

  #begin(): void {
    this.#begun = [];
    this.#size = 0;
  }

  #end(rest: Uint8Array): Node {
    const stream = true;
    const parts = this.#begun.map((part) =>
      this.#decoder.decode(part, { stream })
    );
    const text = parts.join("") + this.#decoder.decode(rest);
    this.#begin();
    return nodeOf(parse(text));
  }
}
