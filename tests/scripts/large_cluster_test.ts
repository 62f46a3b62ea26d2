import { assertEquals } from "@std/assert";
import { LARGE, largeCluster } from "../../scripts/large_cluster.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { get } from "../util/client.ts";
import { TestLainlet } from "../util/lainlet.ts";

Deno.test("the large cluster is what it is said to be, and none of it is rejected", async () => {
  const content = largeCluster();
  assertEquals(largeCluster(), content);
  await using lainlet = await new TestLainlet(new MemoryStore(content)).ready();
  const watchers = Object.values(lainlet.lainlet.cluster);
  const rejected = watchers.flatMap((watcher) => [...watcher.rejected]);
  assertEquals(rejected, []);

  const groups = lainlet.lainlet.cluster.podgroup.entries("");
  const pods = [...groups].flatMap(([, { app, name, pods }]) =>
    pods.map((pod) => ({ app, name, pod }))
  );
  const containers = pods.flatMap(({ pod }) => pod.containers);
  const addresses = containers.map(({ ip }) => ip).filter((ip) => ip !== "");
  assertEquals(pods.length, LARGE.containers);
  assertEquals(containers.length, LARGE.containers);
  assertEquals(containers.length - addresses.length, LARGE.withoutAddress);
  assertEquals(new Set(addresses).size, addresses.length);
  assertEquals(new Set(pods.map(({ app }) => app)).size, LARGE.apps);
  assertEquals(
    new Set(containers.map(({ nodeName }) => nodeName)).size,
    LARGE.nodes,
  );
  const nodes = JSON.parse((await get(`${lainlet.url}/v2/nodes`)).body);
  assertEquals(Object.keys(nodes).length, LARGE.nodes);

  // Of limits beyond what there is there is one node's.
  const limits = Map.groupBy(containers, ({ nodeName }) => nodeName);
  const beyond = Object.values(nodes).flatMap((value) => {
    const { name, cpus, mem } = Object(value);
    const specs = (limits.get(name) ?? []).map(({ spec }) => spec);
    const memory = specs.reduce((sum, { memory }) => sum + Number(memory), 0);
    const cpu = specs.reduce((sum, { cpu }) => sum + Number(cpu), 0);
    return memory > mem * 2 ** 30 || cpu > cpus
      ? [{ node: name, mem, limits: memory / 2 ** 30 }]
      : [];
  });
  assertEquals(beyond, [LARGE.crowded]);

  const values = content.filter(([key]) => key.includes("/pod_groups/"))
    .map(([, text]) => JSON.parse(text));
  const short = values.filter(({ Spec, Pods }) =>
    Spec.NumInstances !== Pods.length
  );
  assertEquals(
    short.map(({ Spec, Pods }) => ({
      app: Spec.Namespace,
      group: Spec.Name,
      runs: Pods.length,
      wanted: Spec.NumInstances,
    })),
    [LARGE.short],
  );
  const crashed = values.filter(({ OOMkilled }) => OOMkilled);
  assertEquals(
    crashed.map(({ Spec, Pods, State, Healthst }) => ({
      app: Spec.Namespace,
      group: Spec.Name,
      restarts: Pods[0].RestartCount,
      State,
      Healthst,
      pod: [Pods[0].State, Pods[0].Healthst, Pods[0].OOMkilled],
    })),
    [{ ...LARGE.crashed, State: 4, Healthst: 3, pod: [4, 3, true] }],
  );
  const stopped = values.flatMap(({ Pods }) => Pods)
    .filter(({ TargetState }) => TargetState === 1);
  assertEquals(stopped.length, LARGE.stopped);
});
