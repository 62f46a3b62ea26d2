import { assert, assertEquals } from "@std/assert";
import { applyMergePatch, reuseEqualParts } from "../../../lib/client/patch.ts";
import { parseExact } from "../../../lib/json.ts";

Deno.test("patch: a merge patch is applied as RFC 7396 specifies", () => {
  // The examples of appendix A.
  const cases: [target: string, patch: string, result: string][] = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', "{}"],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', "null", "null"],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"a":1,"e":null}'],
    ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
    ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
    ['{"b":1,"c":1}', '{"b":null,"a":1}', '{"a":1,"c":1}'],
    ['{"a":1}', '{"__proto__":{"x":1}}', '{"__proto__":{"x":1},"a":1}'],
  ];
  for (const [target, patch, result] of cases) {
    const applied = applyMergePatch(JSON.parse(target), JSON.parse(patch));
    assertEquals(JSON.stringify(applied), result, `${target} + ${patch}`);
  }
});

Deno.test("patch: unchanged parts, and equal parts, are the same objects", () => {
  const before = { a: { x: [1, { y: 2 }] }, b: { z: 1 } };
  const patched = applyMergePatch(before, { b: { z: 2 } });
  assertEquals(patched, { a: { x: [1, { y: 2 }] }, b: { z: 2 } });
  assert(Object(patched).a === before.a);
  assertEquals(before.b, { z: 1 });

  assert(reuseEqualParts(before, structuredClone(before)) === before);
  assert(reuseEqualParts("a", "a") === "a");
  const [one, other] = ["1.0", "1.00"].map(parseExact);
  assert(reuseEqualParts(one, parseExact("1.0")) === one);
  assert(reuseEqualParts(one, other) === other);
  const different: [earlier: unknown, value: unknown][] = [
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: 1, b: 2 }, { a: 1 }],
    [{ a: undefined }, { b: undefined }],
    [[1, 2], [1]],
    [[1], [1, 2]],
    [[1], { 0: 1 }],
    [{ 0: 1 }, [1]],
    [null, {}],
    [{}, null],
  ];
  for (const [earlier, value] of different) {
    const shared = reuseEqualParts(earlier, value);
    assertEquals(shared, value);
    assert(shared !== earlier, JSON.stringify(value));
  }
  const changed = reuseEqualParts(before, {
    a: { x: [1, { y: 2 }] },
    b: { z: 3 },
  });
  assert(Object(changed).a === before.a);
});
