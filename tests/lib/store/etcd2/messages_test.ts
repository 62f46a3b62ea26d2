import { assertEquals, assertThrows } from "@std/assert";
import { type Node, NodeParser } from "../../../../lib/store/etcd2/messages.ts";

const VALUE = 'a "quoted\\" {brace}, 例子 \ud83d\ude00 \u2028\n';
const TREE = JSON.stringify({
  action: "get",
  node: {
    key: "/a",
    dir: true,
    nodes: [
      { key: "/a/1", value: VALUE, modifiedIndex: 7, createdIndex: 7 },
      { key: "/a/none", dir: true, modifiedIndex: 3, createdIndex: 3 },
      {
        key: "/a/b",
        dir: true,
        nodes: [
          { key: "/a/b/{", value: "", modifiedIndex: 9, createdIndex: 8 },
        ],
        modifiedIndex: 2,
        createdIndex: 2,
      },
    ],
    modifiedIndex: 1,
    createdIndex: 1,
  },
});

/** Reads a text in pieces of some bytes. */
function read(text: string, size: number): Node[] {
  const bytes = new TextEncoder().encode(text);
  const leaves = new NodeParser();
  const nodes: Node[] = [];
  for (let i = 0; i < bytes.length; i += size) {
    nodes.push(...leaves.push(bytes.subarray(i, i + size)));
  }
  leaves.close();
  return nodes;
}

Deno.test("etcd2 nodes: the keys of a tree, in any chunks", () => {
  for (let size = 1; size < TREE.length; size++) {
    assertEquals(read(TREE, size), [
      { key: "/a/1", isDirectory: false, value: VALUE, index: 7 },
      { key: "/a/b/{", isDirectory: false, value: "", index: 9 },
    ]);
  }
});

Deno.test("etcd2 nodes: an empty directory has no keys", () => {
  assertEquals(read('{"action":"get","node":{"dir":true}}\n', 5), []);
});

Deno.test("etcd2 nodes: a response that is cut off, too long or not etcd's is an error", () => {
  assertThrows(() => read(TREE.slice(0, -1), 99), Error, "cut off");
  assertThrows(() => read("", 99), Error, "cut off");
  assertThrows(() => read(TREE + TREE, 99), Error, "after its end");
  assertThrows(() => read("<html>", 99), Error, "cut off");
  assertThrows(() => read("{}", 99), Error, "something else than keys");
  assertThrows(() => read('{"key":"/a","modifiedIndex":1e99}', 99), Error);
  assertThrows(() => read('{"key":1,"modifiedIndex":1}', 99), Error);
});
