import { TestEtcd } from "../../tests/util/etcd.ts";
import { Child } from "./child.ts";
import type { followers } from "./followers.ts";
import { pause, shareOf } from "./processes.ts";
import { writeCluster } from "../../tests/fixtures/many_groups.ts";
import { figure, type Settings, type Table } from "./table.ts";

const LAINLETS = [100, 1_000];

/** Writes per second to a key that no lainlet follows. */
const WRITES = 10;

/** Plain reads per second, at most; one after the other. */
const READS = 200;

/** Longest time between the freshness checks of a lainlet, in seconds. */
const INTERVAL = 5;

/** Measures the CPU of etcd for the freshness checks of lainlets, and for plain reads. */
export async function checks({ seconds }: Settings): Promise<Table> {
  await using etcd = await TestEtcd.start();
  await writeCluster(etcd, 10);
  const elapsed = Math.max(seconds, 4 * INTERVAL);
  /** Measures etcd's share of a core, in percent, and the reads per second meanwhile. */
  const measure = async (meanwhile = () => pause(elapsed)) => {
    const before = await readsOf(etcd);
    const { share, seconds } = await shareOf(etcd.pid, meanwhile);
    return { share, reads: (await readsOf(etcd) - before) / seconds };
  };
  const write = async () => {
    for (let i = 0; i < elapsed * WRITES; i++) {
      await etcd.write({ elsewhere: `${i}` });
      await pause(1 / WRITES);
    }
  };
  const quiet = await measure();
  const busy = await measure(write);
  const plain = await measure(async () => {
    for (let i = 0; i < elapsed * READS; i++) {
      await etcd.client.get("elsewhere");
      await pause(1 / READS);
    }
  });
  const one = (share: number, own: number, reads: number) =>
    `${figure((share - own) * 10 / reads)} ms`;
  const rows = [[
    "none, plain reads",
    figure(plain.reads),
    `${figure(plain.share - quiet.share)}%`,
    one(plain.share, quiet.share, plain.reads),
    "",
    "",
  ]];
  for (const count of LAINLETS) {
    await using child = new Child<typeof followers>("./followers.ts", [
      "--allow-net=127.0.0.1",
      "--allow-read",
      "--allow-sys=hostname",
    ]);
    await child.call("follow", { endpoint: etcd.endpoint, count });
    // Until the first reads have ended.
    await pause(2 * INTERVAL);
    const checked = await measure();
    const beside = await measure(write);
    rows.push([
      `${count}`,
      figure(checked.reads),
      `${figure(checked.share - quiet.share)}%`,
      one(checked.share, quiet.share, checked.reads),
      `${figure(beside.share - busy.share)}%`,
      one(beside.share, busy.share, beside.reads),
    ]);
  }
  return {
    head: [
      "lainlets",
      "checks a second",
      "etcd's CPU for them without writes",
      "for each",
      `with ${WRITES} other writes a second`,
      "for each",
    ],
    rows,
  };
}

/** Reads that an etcd has answered. */
function readsOf(etcd: TestEtcd): Promise<number> {
  return etcd.metric(
    "grpc_server_handled_total",
    'grpc_code="OK",grpc_method="Range"',
  );
}
