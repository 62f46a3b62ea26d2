import { quantile } from "../../lib/stats/latency.ts";
import { get } from "../../tests/util/client.ts";
import { TestEtcd } from "../../tests/util/etcd.ts";
import { cpuOf, WORKERS } from "./processes.ts";
import { figure, type Settings, type Table } from "./table.ts";
import { onFloor, onLainlet, prepareWorks, type Work } from "./works.ts";

/** When listeners had a state, in ms since it was written, over many states. */
interface Times {
  readonly half: number;
  readonly most: number;
  /** µs of processor time a delivery. */
  readonly cpu: number;
}

/** What lainlet says of the same, since it read each state, in ms. */
interface Own {
  readonly ownHalf: number;
  readonly ownMost: number;
}

/** From a write to its delivery, when each state is written after the one before was delivered to all. */
export async function latency(settings: Settings): Promise<Table> {
  await using etcd = await TestEtcd.start();
  const rows: string[][] = [];
  for (const work of await prepareWorks(etcd)) {
    const floor = await measureFloor(settings, work);
    const row = [
      work.name,
      figure(work.listeners),
      `${figure(floor.half)} ms`,
      `${figure(floor.most)} ms`,
      `${figure(floor.cpu)} µs`,
    ];
    for (const workers of WORKERS) {
      const got = await measure(settings, etcd, work, workers);
      row.push(
        `${figure(got.half)} ms`,
        `${figure(got.most)} ms: ${figure(got.most / floor.most)}`,
        `${figure(got.ownHalf)} ms, ${figure(got.ownMost)} ms`,
        `${figure(got.cpu)} µs`,
      );
    }
    rows.push(row);
  }
  const columns = WORKERS.flatMap((workers) => [
    `--workers ${workers}: p50`,
    "p99, of the floor's",
    "its own p50, p99",
    "CPU a delivery",
  ]);
  const head = [
    "state",
    "listeners",
    "floor: p50",
    "p99",
    "CPU a delivery",
    ...columns,
  ];
  return { head, rows };
}

function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.floor(part * (sorted.length - 1))] ?? NaN;
}

/** Runs rounds for some time. @param round gives when each listener had the state, in ms */
async function rounds(
  seconds: number,
  pid: number,
  round: (i: number) => Promise<readonly number[]>,
): Promise<Times> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) await round(100 + i);
  const before = await cpuOf(pid);
  const end = performance.now() + seconds * 1000;
  for (let i = 105; performance.now() < end; i++) {
    const arrivals = await round(i);
    for (const time of arrivals) times.push(time);
  }
  const cpu = (await cpuOf(pid) - before) / times.length;
  const sorted = Float64Array.from(times).sort();
  return {
    half: percentile(sorted, 0.5),
    most: percentile(sorted, 0.99),
    cpu,
  };
}

function measureFloor({ seconds }: Settings, work: Work): Promise<Times> {
  return onFloor(
    work,
    (floor, load) =>
      rounds(seconds, floor.pid, async (id) => {
        await load.call("expect", null);
        const start = await floor.call("write", { id, data: work.data });
        const arrivals = await load.call("arrivals", null);
        return arrivals.map((at) => at - start);
      }),
  );
}

function measure(
  settings: Settings,
  etcd: TestEtcd,
  work: Work,
  workers: number,
): Promise<Times & Own> {
  const { key, value } = work;
  return onLainlet(
    settings,
    etcd,
    work,
    workers,
    async (load, pid, url) => {
      const times = await rounds(
        settings.seconds,
        pid,
        () => load.call("latency", { key, value }),
      );
      const counts = await delays(url);
      return {
        ...times,
        ownHalf: quantile(0.5, counts) * 1000,
        ownMost: quantile(0.99, counts) * 1000,
      };
    },
  );
}

/** How many deliveries there were in each bucket of lainlet's own histogram. */
async function delays(url: string): Promise<number[]> {
  const { body } = await get(`${url}/metrics`);
  const lines = body.matchAll(
    /^lainlet_delivery_delay_seconds_bucket\{.*\} (\d+)$/gm,
  );
  const upTo = Array.from(lines, ([, count]) => Number(count));
  return upTo.map((count, i) => count - (upTo[i - 1] ?? 0));
}
