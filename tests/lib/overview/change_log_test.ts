import { assert, assertEquals } from "@std/assert";
import { ChangeLog } from "../../../lib/overview/change_log.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { followCluster } from "../../../lib/watcher/cluster.ts";
import { eventually } from "../../util/process.ts";

Deno.test("change log: it keeps within its limits, dropping the oldest records", async () => {
  const stop = new AbortController();
  const store = new MemoryStore([["/lain/config/first", ""]]);
  const cluster = followCluster(store, stop.signal);
  const log = new ChangeLog(cluster, { maxEntries: 10, maxBytes: 20_000 });
  await Promise.all(Object.values(cluster).map(({ synced }) => synced));
  let held = 0;
  log.subscribe("topics", (changes) => {
    for (const { value } of changes) held += value === undefined ? -1 : 1;
  });
  const write = async (name: string, value: string) => {
    const { version } = log;
    store.put(`/lain/config/${name}`, value);
    await eventually(
      "the change is recorded",
      () => log.version > version || undefined,
    );
    assertEquals(held, [...log.records()].length);
    assert(log.bytes <= 20_000, `${log.bytes}`);
  };
  for (let i = 1; i <= 25; i++) await write(`${i}`, "small");
  const numbers = () => Array.from(log.records(), ({ number }) => number);
  assertEquals(numbers(), [16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
  await write("large", "x".repeat(4_000));
  assertEquals(numbers().length, 10);
  await write("wide", "\u4f8b".repeat(2_000));
  assert(numbers().length < 10);
  assertEquals(numbers().at(-1), 27);
  await write("larger than all", "x".repeat(20_000));
  assertEquals([numbers(), log.bytes], [[], 0]);
  await write("small", "again");
  assertEquals(numbers(), [29]);
  stop.abort();
});

Deno.test("change log: a long text is replaced by its length", async () => {
  const stop = new AbortController();
  const key = "/lain/config/long";
  const store = new MemoryStore([[key, "x".repeat(100_000)]]);
  const cluster = followCluster(store, stop.signal);
  const log = new ChangeLog(cluster);
  await Promise.all(Object.values(cluster).map(({ synced }) => synced));
  store.put(key, "short");
  const [, text] = await eventually(
    "the change is recorded",
    () => log.records().next().value?.member,
  );
  assertEquals(JSON.parse(text).diff, [
    { path: [], before: "(100002 characters)", after: "short" },
  ]);
  stop.abort();
});

Deno.test("change log: a value with very many deep differences is recorded whole", async () => {
  const deep = (first: number) =>
    `${'{"a":'.repeat(199)}[${
      Array.from({ length: 2_500 }, (_, i) => first + i)
    }]${"}".repeat(199)}`;
  const stop = new AbortController();
  const key = "/lain/nodes/nodes/node1:10.0.0.1:22";
  const store = new MemoryStore([[key, deep(0)]]);
  const cluster = followCluster(store, stop.signal);
  const log = new ChangeLog(cluster);
  await Promise.all(Object.values(cluster).map(({ synced }) => synced));
  store.put(key, deep(2_500));
  const [, text] = await eventually(
    "the change is recorded",
    () => log.records().next().value?.member,
  );
  assertEquals(JSON.parse(text).diff, [
    { path: [], before: JSON.parse(deep(0)), after: JSON.parse(deep(2_500)) },
  ]);
  stop.abort();
});
