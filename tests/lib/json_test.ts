import { assertEquals, assertThrows } from "@std/assert";
import { array, canonical, object, parse, parseExact } from "../../lib/json.ts";

Deno.test("object: sorted by name, the last of equal names counts", () => {
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

Deno.test("array: the items as they come", () => {
  assertEquals(array([]), "[]");
  assertEquals(array(["1", '"a"']), '[1,"a"]');
});

Deno.test("canonical: keys sorted all the way down, numbers as they were written", () => {
  const text =
    '{ "z": [ {"b": 1.0, "a": 9223372036854775807} ], "2": -0.10, "10": 1e400, "é": null }';
  assertEquals(
    canonical(parseExact(text)),
    '{"10":1e400,"2":-0.10,"z":[{"a":9223372036854775807,"b":1.0}],"é":null}',
  );
});

Deno.test("parse: integers too long for a double survive", () => {
  assertEquals(
    JSON.stringify(parse('{"n":9223372036854775807}')),
    '{"n":9223372036854775807}',
  );
  assertEquals(parse('{"n": 1.0}'), { n: 1 });
  assertThrows(() => parse("{"), SyntaxError);
});
