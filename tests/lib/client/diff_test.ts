import { assertEquals } from "@std/assert";
import { MAX_DEPTH } from "../../../lib/client/limits.ts";
import { nested } from "../../util/example.ts";
import { diff, type Difference } from "../../../lib/client/diff.ts";

Deno.test("diff: it finds what is added, removed and changed, and where", () => {
  const cases: [before: unknown, after: unknown, ...Difference[]][] = [
    [1, 1],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
    [undefined, 1, { path: "", kind: "added", after: 1 }],
    [1, undefined, { path: "", kind: "removed", before: 1 }],
    ["a", "b", { path: "", kind: "changed", before: "a", after: "b" }],
    [{ a: 1 }, { b: 2 }, { path: "a", kind: "removed", before: 1 }, {
      path: "b",
      kind: "added",
      after: 2,
    }],
    [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }, {
      path: "a[0].b",
      kind: "changed",
      before: 1,
      after: 2,
    }],
    [[1], [1, 2], { path: "[1]", kind: "added", after: 2 }],
    [{ a: 1 }, [1], {
      path: "",
      kind: "changed",
      before: { a: 1 },
      after: [1],
    }],
    // Instances are identified by their number, not by their index.
    [
      { pods: [{ InstanceNo: 1, ip: "a" }, { InstanceNo: 2, ip: "b" }] },
      { pods: [{ InstanceNo: 2, ip: "c" }] },
      {
        path: "pods[InstanceNo=1]",
        kind: "removed",
        before: { InstanceNo: 1, ip: "a" },
      },
      {
        path: "pods[InstanceNo=2].ip",
        kind: "changed",
        before: "b",
        after: "c",
      },
    ],
    [[{ InstanceNo: 1 }, { InstanceNo: 1 }], [{ InstanceNo: 2 }, {
      InstanceNo: 1,
    }], {
      path: "[0].InstanceNo",
      kind: "changed",
      before: 1,
      after: 2,
    }],
    // JSON in a string, as annotations are.
    [{ a: '{"ports":[{"srcport":1}]}' }, { a: '{"ports":[{"srcport":2}]}' }, {
      path: "a.ports[0].srcport",
      kind: "changed",
      before: 1,
      after: 2,
    }],
    ["[1]", "[1", { path: "", kind: "changed", before: "[1]", after: "[1" }],
    ["[1]", "[ 1 ]"],
  ];
  for (const [before, after, ...differences] of cases) {
    assertEquals(diff(before, after), differences);
  }
});

Deno.test("diff: deeply nested JSON text is compared as text", () => {
  const [before, after] = [nested(100_000), nested(100_001)];
  assertEquals(diff({ a: before }, { a: after }), [
    { path: "a", kind: "changed", before, after },
  ]);
  const [one, two] = [nested(MAX_DEPTH), nested(MAX_DEPTH - 1)];
  const [found] = diff({ a: one }, { a: two });
  assertEquals([found?.path.length, found?.kind], [
    "a.a".length + "[0]".length * (MAX_DEPTH - 2),
    "removed",
  ]);
});
