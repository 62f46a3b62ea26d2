import { TestEtcd } from "../../tests/util/etcd.ts";
import { memoryOf } from "../../tests/util/process.ts";
import { cpuOf, mostMemoryOf, startLainlet, startLoad } from "./processes.ts";
import { writeCluster } from "../../tests/fixtures/many_groups.ts";
import { figure, type Settings, type Table } from "./table.ts";

/** What a cluster's size costs: the start, and a change of one pod group. */
export async function changes(settings: Settings): Promise<Table> {
  const rows: string[][] = [];
  for (const groups of [1_000, 10_000, 30_000]) {
    await using etcd = await TestEtcd.start();
    const change = await writeCluster(etcd, groups);
    const start = performance.now();
    const { lainlet, port, pid } = await startLainlet(settings, etcd, 1);
    await using _lainlet = lainlet;
    const ready = performance.now() - start;
    const memory = await memoryOf(pid);
    const most = await mostMemoryOf(pid);
    await using load = await startLoad(etcd);
    const work = { ...change, seconds: settings.seconds, rate: 5 };
    const costs: number[] = [];
    for (const count of [0, 1, 100]) {
      // A listener that does not read costs no writes, so what is left is the making of the state.
      await load.call("stall", false);
      const path = "/v2/coreinfowatcher?watch=1";
      await load.call("listen", { port, path, count, first: true });
      await load.call("stall", true);
      await load.call("run", { ...work, seconds: 2 });
      const before = await cpuOf(pid);
      const { puts } = await load.call("run", work);
      costs.push((await cpuOf(pid) - before) / puts / 1000);
      await load.call("close", null);
    }
    rows.push([
      figure(groups),
      `${figure(ready)} ms`,
      `${figure(memory)} MB`,
      `${figure(most)} MB`,
      ...costs.map((cost) => `${figure(cost)} ms`),
    ]);
  }
  return {
    head: [
      "pod groups",
      "from start to ready",
      "memory then",
      "most until then",
      "CPU a change, nobody listens",
      "one listens to all",
      "100 listen to all",
    ],
    rows,
  };
}
