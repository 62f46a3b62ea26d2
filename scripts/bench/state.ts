import process from "node:process";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { loadState } from "../../lib/store/saved/read.ts";
import { writeState } from "../../lib/store/saved/write.ts";
import type { News } from "../../lib/store/saved/pending.ts";
import type { Entry } from "../../lib/store/store.ts";
import { TestEtcd } from "../../tests/util/etcd.ts";
import { groupKey, groupValue } from "../cluster.ts";
import { group } from "../../tests/fixtures/many_groups.ts";
import { figure, type Settings, type Table } from "./table.ts";

const PREFIX = "/lain/deployd/pod_groups/";

/** How often each is done; the median counts. */
const TIMES = 7;

/** What it costs to keep the last known state on disk, and what it saves to begin with that. */
export async function state(_settings: Settings): Promise<Table> {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-bench-" });
  const file = `${folder}/state`;
  const rows: string[][] = [];
  for (const groups of [1_000, 10_000]) {
    await using etcd = await TestEtcd.start();
    await etcd.load(Object.fromEntries(Array.from({ length: groups }, entry)));
    const identity = { kind: "etcd", endpoints: [etcd.endpoint] };
    const entries = await readFrom(etcd);
    const section = { prefix: PREFIX, revision: 1, at: Date.now() };
    const all = new Map(entries.map((one) => [one.key, one]));
    const one = new Map([...all].slice(groups / 2, groups / 2 + 1));
    const write = (news: News, hasOld: boolean) =>
      measured(() =>
        writeState(file, identity, new Map([[PREFIX, news]]), hasOld)
      );
    const first = await write({ section, isWhole: true, changes: all }, false);
    const next = await write({ section, isWhole: false, changes: one }, true);
    const fromEtcd = await measured(() => readFrom(etcd));
    const fromFile = await measured(() => loadState(file, identity));
    const { size } = await Deno.stat(file);
    rows.push([
      figure(groups),
      `${figure(size / 1e6)} MB`,
      `${figure(first.cpu)} ms`,
      `${figure(next.cpu)} ms`,
      `${figure(Math.max(first.longest, next.longest))} ms`,
      `${figure(fromEtcd.time)} ms`,
      `${figure(fromFile.time)} ms: ${figure(fromFile.time / fromEtcd.time)}`,
    ]);
  }
  await Deno.remove(folder, { recursive: true });
  return {
    head: [
      "pod groups of 7 KB",
      "file",
      "CPU of the first write",
      "of one after a change",
      "longest hold of the thread",
      "read from etcd",
      "from the file, of etcd's",
    ],
    rows,
  };
}

/** Most of what the scheduler writes is nobody's business. */
function entry(_: unknown, i: number): [key: string, value: string] {
  const spec = group(i);
  const value = groupValue(spec);
  const rest = "x".repeat(Math.max(0, 7_000 - value.length));
  return [groupKey(spec), JSON.stringify({ ...JSON.parse(value), rest })];
}

async function readFrom(etcd: TestEtcd): Promise<Entry[]> {
  const store = new EtcdStore([etcd.endpoint]);
  const watch = store.watch(PREFIX, new AbortController().signal);
  for await (const item of watch) {
    if (item.type !== "snapshot") continue;
    return (await Array.fromAsync(item.pages)).flat();
  }
  throw new Error("etcd has no snapshot");
}

/** What something takes, in ms: processor time, time, and the longest wait of what comes between. */
async function measured(
  run: () => Promise<unknown>,
): Promise<{ cpu: number; time: number; longest: number }> {
  const all: { cpu: number; time: number; longest: number }[] = [];
  for (let i = 0; i < TIMES; i++) {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const before = process.cpuUsage();
    const begin = performance.now();
    await run();
    const time = performance.now() - begin;
    const { user, system } = process.cpuUsage(before);
    clearInterval(timer);
    all.push({ cpu: (user + system) / 1000, time, longest });
  }
  const median = (name: "cpu" | "time" | "longest") =>
    all.map((one) => one[name]).sort((a, b) => a - b)[TIMES >> 1] ?? NaN;
  return {
    cpu: median("cpu"),
    time: median("time"),
    longest: median("longest"),
  };
}
