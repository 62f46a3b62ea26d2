import { assert, assertEquals } from "@std/assert";
import { Client } from "../../../lib/client/client.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { modelOf } from "../../../lib/model/mod.ts";
import { naturalKey } from "../../../lib/model/natural.ts";
import { issuesOf } from "../../../lib/model/issues.ts";
import { isOvercommitted } from "../../../lib/model/nodes.ts";
import { found, sorted } from "../../../lib/ui/rows.ts";
import { LARGE, largeCluster } from "../../fixtures/large_cluster.ts";
import { TestLainlet } from "../../util/lainlet.ts";

/** What the dashboard makes of what a lainlet says of a store. */
async function modelFor(content: Iterable<readonly [string, string]>) {
  await using lainlet = await new TestLainlet(new MemoryStore(content)).ready();
  return modelOf(await new Client(lainlet.url).get("overview", {}));
}

Deno.test("model: a large cluster's troubles are found, and each leads to where it is", async () => {
  const model = await modelFor([
    ...largeCluster(),
    ["/lain/nodes/nodes/bad:192.0.2.99:22", "not JSON"],
  ]);
  assertEquals([model.nodes.size, model.apps.size, model.pods.length], [
    LARGE.nodes,
    LARGE.apps,
    LARGE.containers,
  ]);
  const [pods, short, nodes, values, ...others] = issuesOf(model);
  assertEquals(others, []);
  const lost = LARGE.withoutAddress - LARGE.stopped;
  assertEquals(pods?.title, `${lost + 1} pods are not well, in 150 groups`);
  assertEquals(pods?.all, { path: ["pods"], params: { state: "bad" } });
  const [worst] = pods?.items ?? [];
  assertEquals(worst?.name, "invoices.worker.pdf 1");
  assertEquals(
    worst?.reason,
    "killed for memory, failed, unhealthy, restarted 417 times, " +
      "container exited with code 137: killed for memory",
  );
  assert(pods?.parts.some(({ text }) => text === `${lost} without an address`));
  assertEquals(short?.title, "1 group has fewer instances than asked for");
  assertEquals(short?.items, [{
    name: LARGE.short.group,
    reason: "3 of 12: no node has 16 GB for another instance",
    path: ["app", LARGE.short.app],
  }]);
  assertEquals(nodes?.items, [{
    name: LARGE.crowded.node,
    reason: "memory: 151 of 8 GB",
    path: ["node", LARGE.crowded.node],
  }]);
  assertEquals(values?.items.map(({ reason }) => reason), ["not JSON"]);
  assertEquals([...model.nodes.values()].filter(isOvercommitted).length, 1);
  const { mixed } = LARGE;
  const [, ...versions] = new Set(
    model.pods.filter(({ group }) => group === mixed.group)
      .map(({ version }) => version),
  );
  assertEquals(versions.length, 1);
  // As people count.
  assertEquals([...model.nodes.keys()].slice(0, 11).at(-1), "node11");
});

Deno.test("model: a cluster that is well needs nobody, and what says nothing of itself is well", async () => {
  const container = { NodeName: "n1", ContainerIp: "172.20.0.1" };
  const pod = { InstanceNo: 1, Containers: [container] };
  const spec = { Name: "a.web.web", Namespace: "a", Pod: { Containers: [{}] } };
  const stopped = {
    InstanceNo: 2,
    Containers: [{ ...container, ContainerIp: "" }],
    State: 3,
    TargetState: 1,
  };
  const group = [
    "/lain/deployd/pod_groups/a/a.web.web",
    JSON.stringify({ Spec: spec, Pods: [pod, stopped] }),
  ] as const;
  const model = await modelFor([
    group,
    ["/lain/nodes/nodes/n1:192.0.2.1:22", '{"cpus":"4","mem":8}'],
  ]);
  assertEquals(issuesOf(model), []);
  assertEquals(model.pods.map(({ isStopped }) => isStopped), [false, true]);
  const { cpu, memory } = model.nodes.get("n1") ?? {};
  assertEquals([cpu?.capacity, memory?.capacity], [4, 8 * 2 ** 30]);

  // The same on a node that the scheduler does not know, or no longer.
  const lost = await modelFor([group]);
  assertEquals(
    issuesOf(lost).map(({ title, items }) => [title, items]),
    [["The scheduler has not declared 1 node that is in use", [{
      name: "n1",
      reason: "2 pods say they are there",
      path: ["node", "n1"],
    }]]],
  );
});

const COLUMNS = [
  { name: "name", text: ({ name }: { name: string }) => name },
  {
    name: "length",
    text: ({ name }: { name: string }) => String(name.length),
    order: ({ name }: { name: string }) => name.length,
  },
];

Deno.test("rows: found by all words of a query, and sorted as people count", () => {
  const items = ["node10", "node2", "Node1", "172.20.10.1", "172.20.9.1"]
    .map((name) => ({ name }));
  const names = (list: readonly { name: string }[]) =>
    list.map(({ name }) => name);
  assertEquals(names(sorted(items, COLUMNS, "name")), [
    "172.20.9.1",
    "172.20.10.1",
    "Node1",
    "node2",
    "node10",
  ]);
  assertEquals(
    names(sorted(items, COLUMNS, "-length")).slice(0, 2),
    ["172.20.10.1", "172.20.9.1"],
  );
  assertEquals(sorted(items, COLUMNS, "unknown"), items);
  assertEquals(names(found(items, COLUMNS, " NODE 1 ")), ["node10", "Node1"]);
  assertEquals(found(items, COLUMNS, ""), items);
  assert(naturalKey("a9") < naturalKey("a10"));
});
