import { assertEquals } from "@std/assert";
import type {
  FieldChange,
  RecordedChange,
} from "../../../lib/model/changes.ts";
import { movesOf } from "../../../lib/model/moves.ts";

const TIME = "2026-01-15T12:00:00.000Z";

function change(
  diff: FieldChange[],
  kind: RecordedChange["kind"] = "group",
): RecordedChange {
  return {
    time: TIME,
    revision: 1,
    kind,
    name: "shop/shop.web.web",
    app: "shop",
    change: "changed",
    diff,
  };
}

const pod = (instance: number, node: string) => ({
  InstanceNo: instance,
  ContainerInfos: [{ NodeName: node }],
});

Deno.test("moves: a pod that moved, came, left, or whose group did", () => {
  const field = (index: number, name: string) => [
    "PodInfos",
    index,
    "ContainerInfos",
    0,
    name,
  ];
  const cases: [diff: FieldChange[], moves: [number, string, string][]][] = [
    [
      [
        { path: field(1, "NodeName"), before: "node1", after: "node2" },
        { path: field(1, "NodeIp"), before: "192.0.2.1", after: "192.0.2.2" },
      ],
      [[2, "node1", "node2"]],
    ],
    [[{ path: ["PodInfos", 2], after: pod(3, "node1") }], [[3, "", "node1"]]],
    [[{ path: ["PodInfos", 0], before: pod(1, "node1") }], [[1, "node1", ""]]],
    [
      [{ path: [], after: { PodInfos: [pod(1, "node1"), pod(2, "node2")] } }],
      [[1, "", "node1"], [2, "", "node2"]],
    ],
    [[{ path: [], before: { PodInfos: [pod(1, "node1")] } }], [
      [1, "node1", ""],
    ]],
    // It waits for a node.
    [[{ path: ["PodInfos", 0], after: { InstanceNo: 1 } }], []],
    [
      [{
        path: ["PodInfos", 0, "ContainerInfos", 0],
        after: { NodeName: "n" },
      }],
      [
        [1, "", "n"],
      ],
    ],
    // A second container follows the first.
    [
      [{ path: ["PodInfos", 0, "ContainerInfos", 1, "NodeName"], after: "n" }],
      [],
    ],
    [[{ path: ["PodInfos", 0, "Restarts"], before: 1, after: 2 }], []],
    [[{ path: [], after: "(70000 characters)" }], []],
  ];
  for (const [diff, moves] of cases) {
    assertEquals(
      movesOf(change(diff)),
      moves.map(([instance, from, to]) => ({
        app: "shop",
        group: "shop.web.web",
        instance,
        from,
        to,
        time: Date.parse(TIME),
      })),
    );
  }
  assertEquals(movesOf(change([{ path: [], after: pod(1, "n") }], "node")), []);
});
