import { TestEtcd } from "../../tests/util/etcd.ts";
import { GrpcProxy } from "../../tests/util/grpc_proxy.ts";
import { memoryOf } from "../../tests/util/process.ts";
import { pause, shareOf, startLainlet } from "./processes.ts";
import { writeCluster } from "../../tests/fixtures/many_groups.ts";
import { figure, type Settings, type Table } from "./table.ts";

/** As many as fit on a machine of 2 cores while there is room to measure. */
const LAINLETS = 40;

/** Writes a second, while there are some. */
const WRITES = 10;

/** What many lainlets cost their etcd, directly and through grpc-proxies. */
export async function fleet(settings: Settings): Promise<Table> {
  const rows: string[][] = [];
  for (const [count, proxies] of [[0, 0], [LAINLETS, 0], [LAINLETS, 1]]) {
    rows.push(await measure(settings, count ?? 0, proxies ?? 0));
  }
  return {
    head: [
      "lainlets",
      "through",
      "watch streams on etcd",
      "watchers",
      "memory of etcd",
      "its CPU while nothing is written",
      `with ${WRITES} writes a second`,
      "CPU and memory of the proxy, with writes",
    ],
    rows,
  };
}

async function measure(
  { target, seconds }: Settings,
  count: number,
  proxies: number,
): Promise<string[]> {
  await using stack = new AsyncDisposableStack();
  const etcd = stack.use(await TestEtcd.start());
  const { key, value } = await writeCluster(etcd, 1_000);
  const proxy = proxies > 0
    ? stack.use(await GrpcProxy.start(etcd.endpoint))
    : undefined;
  const endpoint = proxy?.url ?? etcd.endpoint;
  for (let i = 0; i < count; i += 4) {
    const some = Array.from(
      { length: Math.min(4, count - i) },
      () => startLainlet({ target }, { endpoint }, 1),
    );
    for (const { lainlet } of await Promise.all(some)) stack.use(lainlet);
  }
  const elapsed = Math.max(seconds, 10);
  await pause(5);
  const streams = await etcd.metric("etcd_debugging_mvcc_watch_stream_total");
  const watchers = await etcd.metric("etcd_debugging_mvcc_watcher_total");
  const { share: quiet } = await shareOf(etcd.pid, () => pause(elapsed));
  let proxied = NaN;
  const { share: busy } = await shareOf(etcd.pid, async () => {
    const write = async () => {
      for (let i = 0; i < elapsed * WRITES; i++) {
        await etcd.write({ [key]: value.replace("#000000#", `#${i}#`) });
        await pause(1 / WRITES);
      }
    };
    if (proxy === undefined) await write();
    else ({ share: proxied } = await shareOf(proxy.pid, write));
  });
  return [
    String(count),
    proxies > 0 ? `${proxies} grpc-proxy` : "etcd itself",
    String(streams),
    String(watchers),
    `${figure(await memoryOf(etcd.pid))} MB`,
    `${figure(quiet)}%`,
    `${figure(busy)}%`,
    proxy === undefined
      ? ""
      : `${figure(proxied)}%, ${figure(await memoryOf(proxy.pid))} MB`,
  ];
}
