import { TestEtcd } from "../../tests/util/etcd.ts";
import { cpuOf, startLainlet, startLoad } from "./processes.ts";
import { writeCluster } from "../../tests/fixtures/many_groups.ts";
import { figure, type Settings, type Table } from "./table.ts";

/** 100 listeners of a whole cluster, in which one pod group changes five times a second. */
export async function patches(settings: Settings): Promise<Table> {
  await using etcd = await TestEtcd.start();
  const work = await writeCluster(etcd, 1_000);
  const { seconds } = settings;
  const rows: string[][] = [];
  let whole = NaN;
  for (const patch of ["", "&patch=merge"]) {
    const { lainlet, port, pid } = await startLainlet(settings, etcd, 1);
    await using _lainlet = lainlet;
    await using load = await startLoad(etcd);
    const path = `/v2/coreinfowatcher?watch=1${patch}`;
    await load.call("listen", { port, path, count: 100, first: true });
    const before = await cpuOf(pid);
    const run = await load.call("run", { ...work, seconds, rate: 5 });
    const cpu = (await cpuOf(pid) - before) / run.deliveries;
    const stale = patch === "" ? String(await load.call("stale", null)) : "";
    const bytes = run.bytes / run.deliveries;
    if (patch === "") whole = bytes;
    rows.push([
      patch === "" ? "whole states" : "`patch=merge`",
      figure(run.deliveries / run.seconds),
      figure(bytes),
      figure(whole / bytes),
      `${figure(cpu)} µs`,
      stale,
    ]);
  }
  return {
    head: [
      "100 listeners, 1,000 pod groups",
      "deliveries a second",
      "bytes a delivery",
      "times fewer",
      "CPU a delivery",
      "not the newest at the end",
    ],
    rows,
  };
}
