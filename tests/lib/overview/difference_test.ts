import { assertEquals } from "@std/assert";
import { parseExact } from "../../../lib/json.ts";
import { differences } from "../../../lib/overview/difference.ts";

Deno.test("differences: members, items by identity or index, numbers by notation", () => {
  const cases: [before: unknown, after: unknown, found: unknown][] = [
    [1, 1, []],
    [null, {}, [{ path: [], before: null, after: {} }]],
    [[], {}, [{ path: [], before: [], after: {} }]],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 3, 4] } }, [
      { path: ["a", "b", 1], before: 2, after: 3 },
      { path: ["a", "b", 2], after: 4 },
    ]],
    [{ __proto__x: 1, a: 1 }, { a: 1 }, [{ path: ["__proto__x"], before: 1 }]],
    [JSON.parse('{"__proto__": 1}'), {}, [{ path: ["__proto__"], before: 1 }]],
    [parseExact("[1.0, 2.0]"), parseExact("[1.0, 3]"), [
      { path: [1], before: parseExact("2.0"), after: 3 },
    ]],
    [
      [{ InstanceNo: 1 }, { InstanceNo: 2, a: 1 }, { InstanceNo: 3 }],
      [{ InstanceNo: 4 }, { InstanceNo: 2, a: 2 }, { InstanceNo: 3 }],
      [
        { path: [0], before: { InstanceNo: 1 } },
        { path: [0], after: { InstanceNo: 4 } },
        { path: [1, "a"], before: 1, after: 2 },
      ],
    ],
    [[{ InstanceNo: 1 }, { InstanceNo: 1 }], [{ InstanceNo: 1 }], [
      { path: [1], before: { InstanceNo: 1 } },
    ]],
  ];
  for (const [before, after, found] of cases) {
    assertEquals(differences(before, after), found);
  }
});
