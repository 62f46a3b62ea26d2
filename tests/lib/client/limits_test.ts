import { assertEquals, assertThrows } from "@std/assert";
import { parseBounded } from "../../../lib/client/limits.ts";
import { MAX_DEPTH, MAX_NODES } from "../../../lib/client/limits.ts";
import { parseExact } from "../../../lib/json.ts";

Deno.test("limits: JSON is parsed when it is within the limits", () => {
  const deep = "[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH);
  const good = [
    "1",
    '{"a":[{},"]}"]}',
    deep,
    JSON.stringify("[".repeat(1_000_000)),
    JSON.stringify('\\"[,'.repeat(1_000)),
    JSON.stringify(Array.from({ length: 2_000 }, () => [[], {}])),
  ];
  for (const text of good) {
    assertEquals(JSON.stringify(parseBounded(text, JSON.parse)), text);
  }
  const bad: [text: string, message: string][] = [
    ["<html>", "it is not JSON"],
    ["", "it is not JSON"],
    ['"', "it is not JSON"],
    ["]]]", "it is not JSON"],
    [`[${deep}]`, `it is nested deeper than ${MAX_DEPTH}`],
    ["[".repeat(1_000_000), "it is nested deeper than"],
    [`[${"[],".repeat(MAX_NODES / 2)}1]`, `more than ${MAX_NODES} values`],
    ["[" + ",".repeat(MAX_NODES), `more than ${MAX_NODES} values`],
  ];
  for (const [text, message] of bad) {
    for (const parse of [JSON.parse, parseExact]) {
      assertThrows(() => parseBounded(text, parse), Error, message);
    }
  }
});
