import { memoryOf } from "../../tests/util/process.ts";
import { TestEtcd } from "../../tests/util/etcd.ts";
import { startFloor, startLainlet, startLoad, WORKERS } from "./processes.ts";
import { NUMBER } from "../../tests/fixtures/many_groups.ts";
import { figure, type Settings, type Table } from "./table.ts";

const KEY = "/lain/config/bench";
const VALUE = "x".repeat(142) + NUMBER;

/** What a listener costs, beside a stream of a bare `Deno.serve` in which nothing happens. */
export async function memory(settings: Settings): Promise<Table> {
  await using etcd = await TestEtcd.start();
  await etcd.write({ [KEY]: VALUE });
  const rows: string[][] = [];
  for (const count of [1_000, 10_000]) {
    await using floor = startFloor();
    const port = await floor.call("serve", null);
    const bare = await perListener(floor.pid, port, "/", count, etcd);
    const row = [figure(count), kilobytes(bare.idle)];
    for (const workers of WORKERS) {
      const started = await startLainlet(settings, etcd, workers);
      await using _lainlet = started.lainlet;
      const path = "/v2/configwatcher?target=bench&watch=1";
      const { pid, port } = started;
      const used = await perListener(pid, port, path, count, etcd, settings);
      row.push(
        kilobytes(used.idle),
        kilobytes(used.idle - bare.idle),
        kilobytes(used.loaded),
      );
    }
    rows.push(row);
  }
  const columns = WORKERS.flatMap((workers) => [
    `--workers ${workers}: idle`,
    "more than bare",
    "after load",
  ]);
  return { head: ["listeners", "bare stream", ...columns], rows };
}

function kilobytes(megabytes: number): string {
  return `${figure(megabytes * 1024)} KB`;
}

/** The memory that a listener takes, in MB. */
async function perListener(
  pid: number,
  port: number,
  path: string,
  count: number,
  etcd: TestEtcd,
  settings?: Settings,
): Promise<{ idle: number; loaded: number }> {
  await using load = await startLoad(etcd);
  // The first ones pay for what all share.
  const first = settings !== undefined;
  await load.call("listen", { port, path, count: 200, first });
  const before = await settled(pid);
  await load.call("listen", { port, path, count, first });
  const idle = (await settled(pid) - before) / count;
  if (settings === undefined) return { idle, loaded: NaN };
  const { seconds } = settings;
  const work = { seconds, rate: 20, key: KEY, value: VALUE };
  await load.call("run", work);
  return { idle, loaded: (await settled(pid) - before) / count };
}

/** The least of some seconds. */
async function settled(pid: number): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 8; i++) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    least = Math.min(least, await memoryOf(pid));
  }
  return least;
}
