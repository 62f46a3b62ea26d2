import { assertEquals, assertThrows } from "@std/assert";
import {
  array,
  canonical,
  exceededBound,
  isDeeperThan,
  object,
  parse,
  parseExact,
} from "../../lib/json.ts";
import { nested } from "../util/example.ts";

Deno.test("object: sorted by name, the last of equal names wins", () => {
  assertEquals(object([]), "{}");
  assertEquals(
    object([["b", "1"], ["10", "2"], ["9", "3"], ["a", "4"], ["b", "5"]]),
    '{"10":2,"9":3,"a":4,"b":5}',
  );
  assertEquals(
    object([["__proto__", "1"], ['"\n', "2"]]),
    '{"\\"\\n":2,"__proto__":1}',
  );
});

Deno.test("array: items in order", () => {
  assertEquals(array([]), "[]");
  assertEquals(array(["1", '"a"']), '[1,"a"]');
});

Deno.test("canonical: keys sorted at every level, numbers unchanged", () => {
  const text =
    '{ "z": [ {"b": 1.0, "a": 9223372036854775807} ], "2": -0.10, "10": 1e400, "é": null }';
  assertEquals(
    canonical(parseExact(text)),
    '{"10":1e400,"2":-0.10,"z":[{"a":9223372036854775807,"b":1.0}],"é":null}',
  );
});

Deno.test("parse: integers too long for a double keep their digits", () => {
  assertEquals(
    JSON.stringify(parse('{"n":9223372036854775807}')),
    '{"n":9223372036854775807}',
  );
  assertEquals(parse('{"n": 1.0}'), { n: 1 });
  assertThrows(() => parse("{"), SyntaxError);
});

Deno.test("isDeeperThan: counts nested brackets, not those in strings", () => {
  const shallow = [
    "",
    nested(200),
    `[${`${nested(199)},`.repeat(10)}1]`,
    JSON.stringify("[".repeat(1_000)),
    JSON.stringify(['\\"['.repeat(1_000), "\\".repeat(7), "{".repeat(500)]),
    // Not JSON: left to the parser.
    `"${"[".repeat(1_000)}`,
    "]".repeat(1_000) + nested(1_000),
  ];
  for (const text of shallow) {
    assertEquals([text, isDeeperThan(text, 200)], [text, false]);
  }
  const deep = [
    nested(201),
    nested(100_000),
    "[".repeat(201),
    `{"a\\\\":${nested(200)}}`,
    `{"a\\"":"]",${nested(200)}`,
    `["${"]".repeat(300)}",${nested(200)}]`,
  ];
  for (const text of deep) {
    assertEquals([text, isDeeperThan(text, 200)], [text, true]);
  }
});

Deno.test("exceededBound: names the limit", () => {
  const bounds = { depth: 3, nodes: 5 };
  assertEquals(exceededBound('[[{"a":"[[,,{{"}],1]', bounds), undefined);
  assertEquals(exceededBound("[[[[]]]]", bounds), "depth");
  assertEquals(exceededBound("[1,2,3,4,5,6]", bounds), "nodes");
  assertEquals(exceededBound("[[],[],[]]", bounds), "nodes");
});
