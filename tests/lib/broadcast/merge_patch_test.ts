import { assert, assertEquals } from "@std/assert";
import { mergePatch } from "../../../lib/broadcast/merge_patch.ts";
import { applyMergePatch } from "../../../lib/client/patch.ts";
import { Random } from "../../util/model.ts";

Deno.test("merge patch: changes that a patch can express, and others", () => {
  const cases: [before?: string, after?: string, patch?: string][] = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"a":"b","b":"c"}', '{"b":"c"}'],
    ['{"a":"b"}', "{}", '{"a":null}'],
    ['{"a":{"b":"c","d":1}}', '{"a":{"d":1}}', '{"a":{"b":null}}'],
    ['{"a":["b"]}', '{"a":["b",null]}', '{"a":["b",null]}'],
    ['{"a":"c"}', '{"a":[{"b":null}]}', '{"a":[{"b":null}]}'],
    ["1", '{"a":2}', '{"a":2}'],
    ['{"a":1}', "2", "2"],
    ['{"a":1.0}', '{"a":1.00}', '{"a":1.00}'],
    [
      '{"a":9007199254740993}',
      '{"a":9007199254740992}',
      '{"a":9007199254740992}',
    ],
    ['{"__proto__":1,"b":2}', '{"b":2}', '{"__proto__":null}'],
    ["{}", '{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}'],
    [undefined, "[null]", "[null]"],
    ["{}", undefined, "null"],
    // A patch cannot set a member to null; an unchanged null is not part of it.
    ['{"a":null,"b":1}', '{"a":null,"b":2}', '{"b":2}'],
    ['{"a":1}', '{"a":null}', undefined],
    ["{}", '{"a":{"b":null}}', undefined],
    [undefined, '{"a":null}', undefined],
    ['{"a":null}', "{}", '{"a":null}'],
    ["1", "[".repeat(100_000) + "]".repeat(100_000), undefined],
  ];
  for (const [before, after, patch] of cases) {
    assertEquals(mergePatch(before, after), patch, `${before} ${after}`);
  }
});

Deno.test("merge patch: a patch between random values, applied, gives the new value", () => {
  const random = new Random(1);
  const value = (depth: number): unknown => {
    switch (random.below(depth > 3 ? 4 : 6)) {
      case 0:
        return random.below(3);
      case 1:
        return random.pick(["", "a", "ü"]);
      case 2:
        return random.below(8) === 0 ? null : true;
      case 3:
        return Array.from({ length: random.below(3) }, () => value(depth + 1));
      default:
        return Object.fromEntries(
          Array.from({ length: random.below(4) }, () => [
            random.pick(["a", "b", "c", "__proto__", "10"]),
            value(depth + 1),
          ]),
        );
    }
  };
  let patches = 0;
  for (let i = 0; i < 5_000; i++) {
    const [before, after] = [value(0), value(0)];
    const patch = mergePatch(JSON.stringify(before), JSON.stringify(after));
    if (patch === undefined) continue;
    patches++;
    assertEquals(
      applyMergePatch(before, JSON.parse(patch)),
      JSON.parse(JSON.stringify(after)),
      `${JSON.stringify(before)} ${JSON.stringify(after)} ${patch}`,
    );
  }
  assert(patches > 4_000, `${patches} of 5,000`);
});
