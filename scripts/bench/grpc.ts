import { TestEtcd } from "../../tests/util/etcd.ts";
import { LainletProcess } from "../../tests/util/lainlet_process.ts";
import { freePort } from "../../tests/util/process.ts";
import { Child } from "./child.ts";
import { cpuOf, type Load, startLoad } from "./processes.ts";
import type { rpcLoad } from "./rpc_load.ts";
import { figure, type Settings, type Table } from "./table.ts";

const LISTENERS = 1_000;
const KEY = "/lain/config/bench";

/** Sizes in bytes, and how many states come a second: far fewer than can be delivered. */
const STATES = [[200, 20], [64 * 1024, 2]] as const;

/** States that are written. */
interface Written {
  readonly seconds: number;
  /** A second. */
  readonly rate: number;
  readonly value: string;
}

/** One change at a time to many: the same state by HTTP and by gRPC. */
export async function grpc(settings: Settings): Promise<Table> {
  await using etcd = await TestEtcd.start();
  const rows: string[][] = [];
  for (const [size, rate] of STATES) {
    const value = `#000000#${"x".repeat(size - 8)}`;
    await etcd.write({ [KEY]: value });
    await using stack = new AsyncDisposableStack();
    const grpcPort = freePort();
    const lainlet = stack.use(
      await LainletProcess.start(settings.target, [
        `--etcd=${etcd.endpoint}`,
        `--grpc.addr=127.0.0.1:${grpcPort}`,
        "--workers=1",
        "--max.listeners.per.address=100000",
      ]),
    );
    const states = { seconds: settings.seconds, rate, value };
    const http = await byHttp(states, etcd, lainlet);
    const writer = stack.use(await startLoad(etcd));
    const { pid } = lainlet.program;
    const row = [`${figure(size)} B`, `${figure(http)} µs`];
    for (const connections of [LISTENERS, 10]) {
      const cpu = await byGrpc(states, writer, pid, grpcPort, connections);
      row.push(`${figure(cpu)} µs: ${figure(cpu / http)}`);
    }
    rows.push(row);
  }
  const head = [
    "state",
    `HTTP: CPU a delivery to ${figure(LISTENERS)} listeners`,
    `gRPC, ${figure(LISTENERS)} connections, of HTTP's`,
    "gRPC, 10 connections, of HTTP's",
  ];
  return { head, rows };
}

/** µs of processor time a delivery. */
async function byHttp(
  states: Written,
  etcd: TestEtcd,
  { url, program: { pid } }: LainletProcess,
): Promise<number> {
  await using load = await startLoad(etcd);
  const port = Number(new URL(url).port);
  const path = "/v2/configwatcher?target=bench&watch=1";
  await load.call("listen", { port, path, count: LISTENERS, first: true });
  const before = await cpuOf(pid);
  const { deliveries } = await load.call("run", { ...states, key: KEY });
  return (await cpuOf(pid) - before) / deliveries;
}

/** µs of processor time a delivery. */
async function byGrpc(
  states: Written,
  writer: Load,
  pid: number,
  port: number,
  connections: number,
): Promise<number> {
  await using callers = new Child<typeof rpcLoad>("./rpc_load.ts", [
    "--allow-net=127.0.0.1",
  ]);
  await callers.call("listen", {
    port,
    path: "/message.Config/Watch",
    streams: LISTENERS / connections,
    count: connections,
  });
  const first = await settled(callers);
  const before = await cpuOf(pid);
  await writer.call("run", { ...states, key: KEY });
  const last = await settled(callers);
  const cpu = await cpuOf(pid) - before;
  // All states are of one length, and each caller got the first one.
  return cpu / ((last - first) / (first / LISTENERS));
}

/** How many bytes came, when no more do. */
async function settled(callers: Child<typeof rpcLoad>): Promise<number> {
  for (let last = 0;;) {
    const bytes = await callers.call("bytes", null);
    if (bytes > 0 && bytes === last) return bytes;
    last = bytes;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
