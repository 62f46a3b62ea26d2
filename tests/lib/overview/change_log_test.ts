import { assert, assertEquals } from "@std/assert";
import { parseExact } from "../../../lib/json.ts";
import { differences } from "../../../lib/overview/difference.ts";
import { ChangeLog } from "../../../lib/overview/change_log.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { followCluster } from "../../../lib/watcher/cluster.ts";
import { eventually } from "../../util/process.ts";

Deno.test("history: no more entries than there may be, and no more bytes", async () => {
  const stop = new AbortController();
  const store = new MemoryStore([["/lain/config/first", ""]]);
  const cluster = followCluster(store, stop.signal);
  const history = new ChangeLog(cluster, { maxEntries: 10, maxBytes: 20_000 });
  await Promise.all(Object.values(cluster).map(({ synced }) => synced));
  let held = 0;
  history.subscribe("topics", (changes) => {
    for (const { value } of changes) held += value === undefined ? -1 : 1;
  });
  const write = async (name: string, value: string) => {
    const { version } = history;
    store.put(`/lain/config/${name}`, value);
    await eventually(
      "it is heard",
      () => history.version > version || undefined,
    );
    assertEquals(held, [...history.entries()].length);
    assert(history.bytes <= 20_000, `${history.bytes}`);
  };
  for (let i = 1; i <= 25; i++) await write(`${i}`, "small");
  const numbers = () => Array.from(history.entries(), ({ number }) => number);
  assertEquals(numbers(), [16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
  await write("large", "x".repeat(4_000));
  assertEquals(numbers().length, 10);
  await write("wide", "\u4f8b".repeat(2_000));
  assert(numbers().length < 10);
  assertEquals(numbers().at(-1), 27);
  await write("larger than all", "x".repeat(20_000));
  assertEquals([numbers(), history.bytes], [[], 0]);
  await write("small", "again");
  assertEquals(numbers(), [29]);
  stop.abort();
});

Deno.test("history: what differs, wherever it is", () => {
  const cases: [before: unknown, after: unknown, found: unknown][] = [
    [1, 1, []],
    [null, {}, [{ path: [], before: null, after: {} }]],
    [[], {}, [{ path: [], before: [], after: {} }]],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 3, 4] } }, [
      { path: ["a", "b", 1], before: 2, after: 3 },
      { path: ["a", "b", 2], after: 4 },
    ]],
    [{ __proto__x: 1, a: 1 }, { a: 1 }, [{ path: ["__proto__x"], before: 1 }]],
    [JSON.parse('{"__proto__": 1}'), {}, [{ path: ["__proto__"], before: 1 }]],
    [parseExact("[1.0, 2.0]"), parseExact("[1.0, 3]"), [
      { path: [1], before: parseExact("2.0"), after: 3 },
    ]],
    [
      [{ InstanceNo: 1 }, { InstanceNo: 2, a: 1 }, { InstanceNo: 3 }],
      [{ InstanceNo: 4 }, { InstanceNo: 2, a: 2 }, { InstanceNo: 3 }],
      [
        { path: [0], before: { InstanceNo: 1 } },
        { path: [0], after: { InstanceNo: 4 } },
        { path: [1, "a"], before: 1, after: 2 },
      ],
    ],
    [[{ InstanceNo: 1 }, { InstanceNo: 1 }], [{ InstanceNo: 1 }], [
      { path: [1], before: { InstanceNo: 1 } },
    ]],
  ];
  for (const [before, after, found] of cases) {
    assertEquals(differences(before, after), found);
  }
});

Deno.test("history: of a long text only the length is told", async () => {
  const stop = new AbortController();
  const key = "/lain/config/long";
  const store = new MemoryStore([[key, "x".repeat(100_000)]]);
  const cluster = followCluster(store, stop.signal);
  const history = new ChangeLog(cluster);
  await Promise.all(Object.values(cluster).map(({ synced }) => synced));
  store.put(key, "short");
  const [, text] = await eventually(
    "it is heard",
    () => history.entries().next().value?.member,
  );
  assertEquals(JSON.parse(text).diff, [
    { path: [], before: "(100002 characters)", after: "short" },
  ]);
  stop.abort();
});

Deno.test("history: what differs deep down in very many places is told whole", async () => {
  const deep = (first: number) =>
    `${'{"a":'.repeat(199)}[${
      Array.from({ length: 2_500 }, (_, i) => first + i)
    }]${"}".repeat(199)}`;
  const stop = new AbortController();
  const key = "/lain/nodes/nodes/node1:10.0.0.1:22";
  const store = new MemoryStore([[key, deep(0)]]);
  const cluster = followCluster(store, stop.signal);
  const history = new ChangeLog(cluster);
  await Promise.all(Object.values(cluster).map(({ synced }) => synced));
  store.put(key, deep(2_500));
  const [, text] = await eventually(
    "it is heard",
    () => history.entries().next().value?.member,
  );
  assertEquals(JSON.parse(text).diff, [
    { path: [], before: JSON.parse(deep(0)), after: JSON.parse(deep(2_500)) },
  ]);
  stop.abort();
});
