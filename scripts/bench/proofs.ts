import { TestEtcd } from "../../tests/util/etcd.ts";
import { Child } from "./child.ts";
import type { followers } from "./followers.ts";
import { pause, shareOf } from "./processes.ts";
import { writeCluster } from "../../tests/fixtures/many_groups.ts";
import { figure, type Settings, type Table } from "./table.ts";

const LAINLETS = [100, 1_000];

/** Writes a second of what no lainlet follows, while there are some. */
const WRITES = 10;

/** What else is asked, one after the other: so many bare reads a second at the most. */
const READS = 200;

/** How long a lainlet lets pass between two proofs at most, in seconds. */
const INTERVAL = 5;

/** What it costs etcd that lainlets prove their states, and what bare reads cost it. */
export async function proofs({ seconds }: Settings): Promise<Table> {
  await using etcd = await TestEtcd.start();
  await writeCluster(etcd, 10);
  const elapsed = Math.max(seconds, 4 * INTERVAL);
  /** The share of a core that etcd takes, in percent, and how often it is read meanwhile. */
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
  const bare = await measure(async () => {
    for (let i = 0; i < elapsed * READS; i++) {
      await etcd.client.get("elsewhere");
      await pause(1 / READS);
    }
  });
  const one = (share: number, own: number, reads: number) =>
    `${figure((share - own) * 10 / reads)} ms`;
  const rows = [[
    "none, but bare reads",
    figure(bare.reads),
    `${figure(bare.share - quiet.share)}%`,
    one(bare.share, quiet.share, bare.reads),
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
    // What the first reads were is over.
    await pause(2 * INTERVAL);
    const proven = await measure();
    const beside = await measure(write);
    rows.push([
      `${count}`,
      figure(proven.reads),
      `${figure(proven.share - quiet.share)}%`,
      one(proven.share, quiet.share, proven.reads),
      `${figure(beside.share - busy.share)}%`,
      one(beside.share, busy.share, beside.reads),
    ]);
  }
  return {
    head: [
      "lainlets",
      "proofs a second",
      "etcd's CPU for them while nothing is written",
      "for each",
      `with ${WRITES} writes a second elsewhere`,
      "for each",
    ],
    rows,
  };
}

/** How many reads an etcd has answered. */
function readsOf(etcd: TestEtcd): Promise<number> {
  return etcd.metric(
    "grpc_server_handled_total",
    'grpc_code="OK",grpc_method="Range"',
  );
}
