import { assertEquals } from "@std/assert";
import {
  describeChange,
  type FieldChange,
  plainText,
  type RecordedChange,
} from "../../../lib/model/changes.ts";

function entry(
  kind: RecordedChange["kind"],
  name: string,
  change: RecordedChange["change"],
  ...diff: FieldChange[]
): RecordedChange {
  return {
    time: "2026-01-15T12:00:00Z",
    revision: 7,
    kind,
    name,
    change,
    diff,
  };
}

const shop = (...diff: FieldChange[]) =>
  entry("group", "shop/shop.web.web", "changed", ...diff);
const pod = (i: number, field: string, before: unknown, after: unknown) => ({
  path: ["PodInfos", i, field],
  before,
  after,
});
const container = (
  i: number,
  field: string,
  before: unknown,
  after: unknown,
) => ({
  path: ["PodInfos", i, "ContainerInfos", 0, field],
  before,
  after,
});
const release = (i: number) => ({
  path: ["PodInfos", i, "ContainerInfos", 0, "Env", 2],
  before: "LAIN_APP_RELEASE_VERSION=26",
  after: "LAIN_APP_RELEASE_VERSION=1501708030-536c4499d863386ce10c",
});

/** Changes and their sentences. */
const SENTENCES: readonly (readonly [string, RecordedChange])[] = [
  [
    "shop.web.web: release 26 → 1501708030-536c449; instance 1 moved from node1 to node2",
    shop(
      release(0),
      release(1),
      container(0, "Image", "shop:26", "shop:27"),
      container(0, "NodeName", "node1", "node2"),
      container(0, "NodeIp", "192.0.2.1", "192.0.2.2"),
      container(0, "ContainerIp", "172.20.1.1", "172.20.2.1"),
      container(0, "ContainerId", "a", "b"),
      pod(0, "Version", "26", "1501708030-536c4499d863386ce10c"),
    ),
  ],
  [
    "shop.web.web: instance 2 went from release 26 to 27, has a new container",
    shop(
      pod(1, "Version", "26", "27"),
      container(1, "ContainerId", "a", "b"),
    ),
  ],
  [
    "shop.web.web: instances 1 and 2 lost the address 172.20.1.1; instance 3 got the address 172.20.1.3; instance 4 has a new container",
    shop(
      container(0, "ContainerIp", "172.20.1.1", ""),
      container(1, "ContainerIp", "172.20.1.1", ""),
      container(2, "ContainerIp", "", "172.20.1.3"),
      container(3, "ContainerId", "a", "b"),
    ),
  ],
  [
    "shop.web.web: instance 1 restarted 3 times (417 total), was killed for memory, went from running to failed and from healthy to unhealthy, " +
    'has the error "exit 137"',
    shop(
      pod(0, "State", "success", "fail"),
      pod(0, "Health", "healthy", "unhealthy"),
      pod(0, "OOMKilled", false, true),
      pod(0, "Restarts", 414, 417),
      pod(0, "LastError", "", "exit 137"),
      pod(0, "Updated", 1, 2),
      container(0, "ContainerId", "a", "b"),
    ),
  ],
  [
    "shop.web.web: instance 1 went from release 26 to 27 and from 172.20.1.1 to 172.20.2.1",
    shop(
      pod(0, "Version", "26", "27"),
      container(0, "ContainerIp", "172.20.1.1", "172.20.2.1"),
    ),
  ],
  [
    "shop.web.web: instances 2 → 3; memory limit 32 MiB → 64 MiB; environment: TZ; instance 2 removed on node1; instance 3 added on node7",
    shop(
      { path: ["Instances"], before: 2, after: 3 },
      container(0, "Memory", 2 ** 25, 2 ** 26),
      container(1, "Memory", 2 ** 25, 2 ** 26),
      {
        path: ["PodInfos", 0, "ContainerInfos", 0, "Env", 4],
        after: "TZ=UTC",
      },
      {
        path: ["PodInfos", 5],
        after: { InstanceNo: 3, ContainerInfos: [{ NodeName: "node7" }] },
      },
      {
        path: ["PodInfos", 1],
        before: { InstanceNo: 2, ContainerInfos: [{ NodeName: "node1" }] },
      },
    ),
  ],
  [
    "shop.web.web: instance 1 restarted (1 total); instance 2 has its restart count reset to 0, went from constructor to running",
    shop(
      pod(0, "Restarts", undefined, 1),
      pod(1, "Restarts", 4, 0),
      pod(1, "State", "constructor", "success"),
    ),
  ],
  [
    "shop.web.web: added with 2 instances",
    entry("group", "shop/shop.web.web", "added", {
      path: [],
      after: { PodInfos: [{}, {}] },
    }),
  ],
  [
    "shop.web.web rewritten without a change",
    shop(pod(0, "Updated", 1, 2), { path: ["Updated"], before: 1, after: 2 }),
  ],
  ["shop.web.web changed", shop(container(0, "Image", "shop:26", "shop:27"))],
  [
    'domain: "lain.local" → "lain.example"',
    entry("config", "domain", "changed", {
      path: [],
      before: "lain.local",
      after: "lain.example",
    }),
  ],
  [
    "motd removed",
    entry("config", "motd", "removed", { path: [], before: "x" }),
  ],
  [
    'node2: mem 8 → 16; labels.zone set to "b"; deployd removed',
    entry(
      "node",
      "node2:192.0.2.2:22",
      "changed",
      { path: ["mem"], before: 8, after: 16 },
      { path: ["labels", "zone"], after: "b" },
      { path: ["deployd"], before: true },
    ),
  ],
  [
    "node2: left the cluster",
    entry("node", "node2:192.0.2.2:22", "removed", { path: [], before: {} }),
  ],
  [
    "mysql.portal.portal-mysql: portal for shop on node1 added; portal for blog on node1 changed; portal for wiki on node2 removed",
    entry(
      "depends",
      "mysql.portal.portal-mysql",
      "changed",
      { path: ["node1", "shop"], after: { Containers: [] } },
      {
        path: ["node1", "blog", "Containers", 0, "IP"],
        before: "172.20.0.1",
        after: "172.20.0.2",
      },
      { path: ["node2"], before: { wiki: {} } },
    ),
  ],
];

Deno.test("changes: each kind has its sentence", () => {
  for (const [said, change] of SENTENCES) {
    assertEquals(plainText(describeChange(change)), said);
  }
});

Deno.test("changes: one that was found by comparing says since when it may have happened", () => {
  const [, change] = SENTENCES[0] ?? [];
  if (change === undefined) throw new Error("there is no change");
  const earliest = new Date(2026, 0, 15, 9, 5, 7).toISOString();
  assertEquals(
    plainText(describeChange({ ...change, earliest })),
    `${
      plainText(describeChange(change))
    } (some time after 2026-01-15 09:05:07)`,
  );
});

Deno.test("changes: a sentence links to what it is about", () => {
  const sentence = describeChange(
    shop(container(0, "NodeName", "node1", "node2")),
  );
  const paths = sentence.flatMap((part) =>
    typeof part === "string" ? [] : [part.path]
  );
  assertEquals(paths, [["app", "shop"], ["node", "node1"], ["node", "node2"]]);
});

Deno.test("changes: no value of a store breaks a sentence", () => {
  for (const value of [null, 0, "", [], {}, "x".repeat(1000), [null]]) {
    for (const path of [[], ["PodInfos"], ["PodInfos", 0], ["x", 1, "y"]]) {
      for (const kind of ["config", "depends", "group", "node"] as const) {
        for (const change of ["added", "changed", "removed"] as const) {
          const steps = [{ path, before: value }, { path, after: value }];
          const said = plainText(
            describeChange(entry(kind, "a/b", change, ...steps)),
          );
          assertEquals(said.length < 500, true, said);
        }
      }
    }
  }
});
