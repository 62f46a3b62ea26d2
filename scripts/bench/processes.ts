import type { TestEtcd } from "../../tests/util/etcd.ts";
import { LainletProcess } from "../../tests/util/lainlet_process.ts";
import { Child } from "./child.ts";
import type { floor } from "./floor.ts";
import type { load } from "./load.ts";
import type { Settings } from "./table.ts";

/** How many threads lainlet is measured with. */
export const WORKERS = [
  ...new Set([1, Math.min(2, navigator.hardwareConcurrency)]),
];

export type Load = Child<typeof load>;
export type Floor = Child<typeof floor>;

export function startFloor(): Floor {
  return new Child<typeof floor>("./floor.ts", [
    "--v8-flags=--max-semi-space-size=4",
    "--allow-net=127.0.0.1",
  ]);
}

export async function startLoad(etcd?: TestEtcd): Promise<Load> {
  const load = new Child<typeof import("./load.ts").load>("./load.ts", [
    "--allow-net=127.0.0.1",
    "--allow-read",
    "--allow-sys=hostname",
  ]);
  if (etcd !== undefined) await load.call("store", etcd.endpoint);
  return load;
}

/** A lainlet without limits on streams. */
export async function startLainlet(
  { target }: Pick<Settings, "target">,
  etcd: Pick<TestEtcd, "endpoint">,
  workers: number,
): Promise<{ lainlet: LainletProcess; port: number; pid: number }> {
  const lainlet = await LainletProcess.start(target, [
    `--etcd=${etcd.endpoint}`,
    `--workers=${workers}`,
    "--max.listeners.per.address=100000",
  ]);
  const port = Number(new URL(lainlet.url).port);
  return { lainlet, port, pid: lainlet.program.pid };
}

async function procOf(pid: number, file: string): Promise<string> {
  const { stdout } = await new Deno.Command("cat", {
    args: [`/proc/${pid}/${file}`],
  }).output();
  return new TextDecoder().decode(stdout);
}

/** The most memory that a process had resident until now, in MB. */
export async function mostMemoryOf(pid: number): Promise<number> {
  const status = await procOf(pid, "status");
  return Number(status.match(/^VmHWM:\s*(\d+) kB$/m)?.[1]) / 1024;
}

/** The processor time that a process has used, in µs. */
export async function cpuOf(pid: number): Promise<number> {
  const stat = await procOf(pid, "stat");
  // What comes after the name: proc(5), fields 14 and 15, in ticks of 10 ms.
  const [, rest = ""] = stat.split(/\) (?!.*\))/s);
  const fields = rest.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Waits. */
export function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** The share of one core that a process takes meanwhile, in percent, and how long that is, in seconds. */
export async function shareOf(
  pid: number,
  meanwhile: () => Promise<void>,
): Promise<{ share: number; seconds: number }> {
  const [begin, before] = [performance.now(), await cpuOf(pid)];
  await meanwhile();
  const used = await cpuOf(pid) - before;
  const seconds = (performance.now() - begin) / 1000;
  return { share: used / seconds / 10_000, seconds };
}
