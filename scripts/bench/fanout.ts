import { TestEtcd } from "../../tests/util/etcd.ts";
import { cpuOf, WORKERS } from "./processes.ts";
import { figure, type Settings, type Table } from "./table.ts";
import { onFloor, onLainlet, prepareWorks, type Work } from "./works.ts";

/** What came of sending states as fast as they go. */
interface Rate {
  readonly perSecond: number;
  /** µs of processor time a delivery. */
  readonly cpu: number;
  readonly stale: number;
}

/** Deliveries a second when there are always more states than can be delivered. */
export async function fanout(settings: Settings): Promise<Table> {
  await using etcd = await TestEtcd.start();
  const rows: string[][] = [];
  for (const work of await prepareWorks(etcd)) {
    const floor = await measureFloor(settings, work);
    const row = [work.name, figure(work.listeners), rate(floor)];
    for (const workers of WORKERS) {
      const got = await measure(settings, etcd, work, workers, floor);
      row.push(`${rate(got)}: ${figure(got.perSecond / floor.perSecond)}`);
      row.push(String(got.stale));
    }
    rows.push(row);
  }
  const columns = WORKERS.flatMap((workers) => [
    `--workers ${workers}, of the floor`,
    "not the newest at the end",
  ]);
  const head = ["state", "listeners", "floor: deliveries", ...columns];
  return { head, rows };
}

function rate({ perSecond, cpu }: Rate): string {
  return `${figure(perSecond)}/s, ${figure(cpu)} µs`;
}

function measureFloor({ seconds }: Settings, work: Work): Promise<Rate> {
  return onFloor(work, async (floor, load) => {
    const { data, listeners: count } = work;
    const before = await cpuOf(floor.pid);
    const start = performance.now();
    const [rounds] = await Promise.all([
      floor.call("saturate", { seconds, data }),
      load.call("run", { seconds, rate: 0, value: "" }),
    ]);
    const elapsed = (performance.now() - start) / 1000;
    const deliveries = rounds * count;
    const cpu = (await cpuOf(floor.pid) - before) / deliveries;
    return { perSecond: deliveries / elapsed, cpu, stale: 0 };
  });
}

function measure(
  settings: Settings,
  etcd: TestEtcd,
  work: Work,
  workers: number,
  floor: Rate,
): Promise<Rate> {
  return onLainlet(settings, etcd, work, workers, async (load, pid) => {
    const { data, key, listeners: count, value } = work;
    const { seconds } = settings;
    // More than can be delivered, so that some are superseded on the way; but
    // not so many that the store takes the time that is measured.
    const rate = 1.2 * floor.perSecond / count;
    // Id and event, and what HTTP adds to a chunk.
    const length = data.length > 4096 ? data.length + 38 : undefined;
    const before = await cpuOf(pid);
    const run = await load.call("run", { seconds, rate, key, value, length });
    const cpu = (await cpuOf(pid) - before) / run.deliveries;
    const perSecond = run.deliveries / run.seconds;
    return { perSecond, cpu, stale: await load.call("stale", null) };
  });
}
