import { assert, assertEquals } from "@std/assert";
import { now } from "../../../lib/time.ts";
import { groupKey, groupValue } from "../../../scripts/cluster.ts";
import { followCluster } from "../../../lib/watcher/cluster.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { depends } from "../../../lib/watcher/depends.ts";
import { Effects } from "../../../lib/watcher/effects.ts";
import { EmptyStoreGuard } from "../../../lib/watcher/empty_store_guard.ts";
import { followSubtree, type Subtree } from "../../../lib/watcher/subtree.ts";
import { nodes } from "../../../lib/watcher/nodes.ts";
import { podgroup } from "../../../lib/watcher/podgroup.ts";
import type { Watcher } from "../../../lib/watcher/watcher.ts";
import { CapturedLog } from "../../util/captured_log.ts";
import { nested } from "../../util/example.ts";
import type { Entry, Store, WatchEvent } from "../../../lib/store/store.ts";

const GROUP = "/lain/deployd/pod_groups/a/a.web.web";

/** Watches a subtree of a memory store; `put` waits until the change has arrived. */
async function following<T>(
  subtree: Subtree<T>,
  store: Store,
  run: (watcher: Watcher<T>, settle: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const watcher = followSubtree(
    store,
    subtree,
    new EmptyStoreGuard(1),
    new Effects(),
    abort.signal,
  );
  await watcher.synced;
  const settle = () => new Promise<void>((resolve) => setTimeout(resolve));
  try {
    await run(watcher, settle);
  } finally {
    abort.abort();
  }
}

Deno.test("subtree: a bad value is counted once per revision, and the last good one stays", async () => {
  const good = groupValue({ app: "a", proc: "web.web", instances: [] });
  const store = new MemoryStore([[GROUP, good], [
    "/lain/deployd/pod_groups/b/x",
    "{",
  ]]);
  await following(podgroup, store, async (watcher, settle) => {
    assertEquals([watcher.size, watcher.rejections], [1, 1]);
    store.put(GROUP, "not JSON");
    store.put(GROUP, new Uint8Array([0xff]));
    await settle();
    assertEquals(watcher.get("a/a.web.web")?.app, "a");
    assertEquals(watcher.rejections, 3);
    assertEquals([...watcher.rejected.keys()].sort(), ["a/a.web.web", "b/x"]);
    store.put(GROUP, good);
    store.delete("/lain/deployd/pod_groups/b/x");
    await settle();
    assertEquals([watcher.size, watcher.rejected.size], [1, 0]);
    store.put(GROUP, "bad again");
    store.delete(GROUP);
    await settle();
    assertEquals([watcher.size, watcher.rejected.size], [0, 0]);
  });
});

Deno.test("subtree: a bad value that is read again is logged with its key and counted once", async () => {
  using log = new CapturedLog();
  const { store, writer } = scripted();
  const snapshot = (bad: number) => {
    const pages = [[node("a", "{}", 1), node("b", "bad", bad)]];
    return { type: "snapshot", revision: 3, pages } as const;
  };
  writer.write(snapshot(2));
  await following(nodes, store, async (watcher, settle) => {
    const rejected = () => [watcher.rejections, log.values("key")];
    const key = "/lain/nodes/nodes/b:1:22";
    assertEquals(rejected(), [1, [key]]);
    writer.write(snapshot(2));
    await settle();
    assertEquals(rejected(), [1, [key]]);
    writer.write(snapshot(3));
    await settle();
    assertEquals(rejected(), [2, [key, key]]);
    writer.close();
  });
});

Deno.test("subtree: malformed pod groups are rejected", async () => {
  const bad = [
    "",
    "null",
    "[]",
    '"text"',
    "1",
    '{"Spec": []}',
    '{"Spec": {"Name": 1}}',
    '{"Spec": {"Pod": {"Containers": {}}}}',
    '{"Spec": {"Pod": {"Containers": [1]}}}',
    '{"Spec": {"Pod": {"Containers": [{"Env": [1]}]}}}',
    '{"Spec": {"Pod": {"Containers": [{"Expose": "80"}]}}}',
    '{"Spec": {"Pod": {"Containers": [{"Expose": 1e999}]}}}',
    // Another number, which is too long for a double, keeps the text of all.
    '{"Spec": {"Pod": {"Containers": [{"Expose": 1e999, "CpuLimit": 9223372036854775807}]}}}',
    '{"Spec": {"Pod": {"Containers": [{"CpuLimit": -1e999, "MemoryLimit": 9223372036854775807}]}}}',
    '{"Pods": [{"InstanceNo": "1"}]}',
    '{"Pods": [{"Containers": [{}]}]}',
    '{"Spec": {"Pod": {"Containers": [{}]}}, "Pods": [{"Containers": [{}, {}]}]}',
    '{"Spec": {"Pod": {"Containers": [{}]}}, "Pods": [{"Containers": [{"ContainerIp": true}]}]}',
    "[".repeat(100_000),
    "\ufeff{}",
  ];
  const store = new MemoryStore(
    bad.map((value, i) => [`/lain/deployd/pod_groups/a/${i}`, value]),
  );
  await following(podgroup, store, (watcher) => {
    assertEquals([...watcher.entries("")].map(([key]) => key), []);
    assertEquals(watcher.rejections, bad.length);
    return Promise.resolve();
  });
});

Deno.test("subtree: a value nested deeper than 200 is bad, in every subtree with JSON", async () => {
  for (
    const [subtree, name, before, after] of [
      [podgroup, "a/a.web.web", '{"Else":', "}"],
      [depends, "a", '{"node1":{"app":{"Else":', "}}}"],
      [nodes, "node1:1:22", "", ""],
    ] as const
  ) {
    const deep = (depth: number) =>
      before + nested(depth - after.length) + after;
    const [key, other] = [subtree.prefix + name, `${subtree.prefix}x/x`];
    const store = new MemoryStore([[key, deep(200)], [other, deep(502)]]);
    await following<object>(subtree, store, async (watcher, settle) => {
      const good = watcher.get(name);
      assert(good !== undefined);
      assertEquals([watcher.size, watcher.rejections], [1, 1]);
      store.put(key, deep(201));
      await settle();
      // The last good value.
      assert(watcher.get(name) === good);
      assertEquals(watcher.rejections, 2);
      assertEquals(
        [...watcher.rejected.values()].map(({ message: reason }) => reason),
        Array(2).fill("the value is nested deeper than 200"),
      );
      store.delete(key);
      store.put(other, "{}");
      await settle();
      assertEquals([watcher.size, watcher.rejected.size], [1, 0]);
    });
  }
});

/** The condition of a group when the store has none. */
const UNSAID = {
  state: undefined,
  health: undefined,
  target: undefined,
  oom: undefined,
  error: undefined,
  restarts: undefined,
  restarted: undefined,
  drifts: undefined,
};

Deno.test("subtree: missing and null fields are empty", async () => {
  const nulls =
    '{"Spec": {"Name": null, "Pod": {"Annotation": null, "Containers": [null], "Dependencies": [null]}}, ' +
    '"Pods": [null, {"Containers": null}, {"Containers": [null]}]}';
  const store = new MemoryStore([[GROUP, nulls], [`${GROUP}2`, "{}"]]);
  await following(podgroup, store, (watcher) => {
    assertEquals(watcher.get("a/a.web.web2"), {
      name: "",
      app: "",
      annotation: "",
      appVersion: "",
      dependencies: [],
      pods: [],
      instances: undefined,
      condition: UNSAID,
      updated: undefined,
    });
    const { pods, dependencies } = watcher.get("a/a.web.web") ?? {};
    assertEquals(dependencies, [{ podName: "", policy: 0 }]);
    assertEquals(pods?.map(({ containers }) => containers.length), [0, 0, 1]);
    assertEquals(pods?.[2]?.containers[0], {
      id: "",
      nodeName: "",
      nodeIp: "",
      ip: "",
      port: 0,
      procName: "",
      version: "",
      spec: {
        command: null,
        env: null,
        image: "",
        cpu: 0,
        memory: 0,
        expose: 0,
        volumes: null,
      },
    });
    return Promise.resolve();
  });
});

Deno.test("subtree: keys without a name are rejected, in every subtree", async () => {
  const store = new MemoryStore([
    ["/lain/nodes/nodes/", "{}"],
    ["/lain/nodes/nodes/:1.2.3.4:22", "{}"],
    ["/lain/nodes/nodes/n:1.2.3.4:22", "{}"],
    ["/lain/deployd/depends/pods/", "{}"],
    ["/lain/deployd/pod_groups/", "{}"],
    ["/lain/deployd/pod_groups/a", "{}"],
    ["/lain/deployd/pod_groups/a/", "{}"],
    ["/lain/deployd/pod_groups//x", "{}"],
    ["/lain/nodes/nodes/\ufffd:1:22", "{}"],
  ]);
  await following(nodes, store, (watcher) => {
    assertEquals([watcher.size, watcher.rejections], [1, 3]);
    return Promise.resolve();
  });
  await following(depends, store, (watcher) => {
    assertEquals([watcher.size, watcher.rejections], [0, 1]);
    return Promise.resolve();
  });
  await following(podgroup, store, (watcher) => {
    assertEquals([watcher.size, watcher.rejections], [0, 4]);
    return Promise.resolve();
  });
});

/** A store whose events a test writes. */
function scripted(): {
  store: Store;
  writer: WritableStreamDefaultWriter<WatchEvent>;
} {
  const { readable, writable } = new TransformStream<WatchEvent>();
  const { status } = new MemoryStore();
  const store = {
    watch: () => readable,
    age: () => 0,
    checkFreshness: () => Promise.resolve(0),
    status,
  };
  return { store, writer: writable.getWriter() };
}

function node(name: string, value: string, revision: number): Entry {
  return {
    key: `/lain/nodes/nodes/${name}:1:22`,
    value: new TextEncoder().encode(value),
    revision,
  };
}

Deno.test("subtree: a second snapshot removes the keys that it does not have", async () => {
  const { store, writer } = scripted();
  writer.write({
    type: "snapshot",
    revision: 3,
    pages: [[node("a", "{}", 1), node("b", "{}", 2), node("c", "{}", 3)]],
  });
  await following(nodes, store, async (watcher, settle) => {
    const heard: string[] = [];
    watcher.subscribe("topics", (changes) => {
      for (const { key, value } of changes) {
        heard.push(`${key[0]} ${value?.json}`);
      }
    });
    writer.write({
      type: "snapshot",
      revision: 9,
      pages: [
        [node("b", '{"x":1}', 8), node("c", "bad", 9)],
        [node("d", "{}", 9)],
      ],
    });
    await settle();
    assertEquals(heard, ["a undefined", 'b {"x":1}', "c {}", "d {}"]);
    assertEquals([...watcher.entries("")].map(([key]) => key[0]), [
      "b",
      "c",
      "d",
    ]);
    writer.close();
  });
});

Deno.test("subtree: what a snapshot could not read stays", async () => {
  const { store, writer } = scripted();
  const nodesAt = (revision: number, ...names: string[]) =>
    names.map((name) => node(name, `{"x":${revision}}`, revision));
  writer.write({
    type: "snapshot",
    revision: 3,
    pages: [nodesAt(3, "a", "ab", "b/1", "c")],
  });
  await following(nodes, store, async (watcher, settle) => {
    const held = () =>
      Array.from(watcher.entries(""), ([key, { json }]) => key[0] + json);
    writer.write({
      type: "snapshot",
      revision: 9,
      pages: [nodesAt(9, "d")],
      refused: ["/lain/nodes/nodes/a:1:22", "/lain/nodes/nodes/b"],
    });
    await settle();
    assertEquals(held(), ['a{"x":3}', 'b{"x":3}', 'd{"x":9}']);
    writer.write({ type: "snapshot", revision: 9, pages: [nodesAt(9, "d")] });
    await settle();
    assertEquals(held(), ['d{"x":9}']);
    writer.close();
  });
});

Deno.test("subtree: a key that an inventory has while the store counts as empty is read", async () => {
  const { store, writer } = scripted();
  const { store: next, writer: nextWriter } = scripted();
  const stores = [store, next];
  const abort = new AbortController();
  const watcher = followSubtree(
    { ...store, watch: (...args) => (stores.shift() ?? next).watch(...args) },
    nodes,
    new EmptyStoreGuard(1),
    new Effects(),
    abort.signal,
  );
  const keys = new Map([["/lain/nodes/nodes/a:1:22", 3]]);
  const common = { type: "inventory", revision: 3, keys } as const;
  writer.write({ type: "snapshot", revision: 1, pages: [] });
  // Its change may be on its way.
  await writer.write({ ...common, unsettled: new Set(keys.keys()) });
  assertEquals([stores.length, watcher.isSynced], [1, false]);
  writer.write({ ...common, unsettled: new Set() }).catch(() => {});
  const pages = [[node("a", "{}", 3)]];
  await nextWriter.write({ type: "snapshot", revision: 3, pages });
  await watcher.synced;
  assertEquals([watcher.size, watcher.heldBack], [1, undefined]);
  assertEquals(watcher.differences, 1);
  abort.abort();
  await nextWriter.close();
});

Deno.test("subtree: a snapshot is applied in one step after its last page, and not at all when a page fails", async () => {
  const { store, writer } = scripted();
  const page = Promise.withResolvers<readonly Entry[]>();
  writer.write({
    type: "snapshot",
    revision: 3,
    pages: [[node("a", "{}", 1)]],
  });
  await following(nodes, store, async (watcher, settle) => {
    const names = () =>
      [...watcher.entries("")].map(([key]) => key.slice(0, 1));
    const versions: string[][] = [];
    watcher.subscribe("topics", () => versions.push(names()));
    const pagesOf = async function* (last: Promise<readonly Entry[]>) {
      yield [node("b", "{}", 4), node("c", "bad", 4)];
      yield await last;
    };
    const failing = pagesOf(Promise.reject(new Error("cut")));
    writer.write({ type: "snapshot", revision: 5, pages: failing });
    const whole = pagesOf(page.promise);
    writer.write({ type: "snapshot", revision: 6, pages: whole });
    await settle();
    assertEquals([versions, watcher.rejections], [[], 0]);
    page.resolve([node("d", "{}", 6)]);
    await settle();
    assertEquals(versions, [["b", "d"]]);
    assertEquals([...watcher.rejected.keys()], ["c:1:22"]);
    writer.close();
  });
});

Deno.test("containers with the same id do not hide each other", async () => {
  const node = { name: "n1", ip: "10.0.0.1" };
  const group = (app: string) => ({
    app,
    proc: "web.web",
    instances: [{ node, ip: "", id: "" }, { node, ip: "", id: "" }],
  });
  const put = (app: string) =>
    [groupKey(group(app)), groupValue(group(app))] as const;
  const store = new MemoryStore([put("a"), put("b")]);
  const abort = new AbortController();
  const cluster = followCluster(store, abort.signal);
  await cluster.container.synced;
  assertEquals(cluster.container.size, 8);
  store.delete(groupKey(group("b")));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(
    [...cluster.container.entries("n1/")].map(([, c]) => c.group.app),
    ["a", "a"],
  );
  abort.abort();
});

Deno.test("subtree: a change carries when it was read, a snapshot does not", async () => {
  const group = (app: string) => {
    const node = { name: "n1", ip: "10.0.0.1" };
    const spec = {
      app,
      proc: "web.web",
      instances: [{ node, ip: "10.0.0.2" }],
    };
    return [groupKey(spec), groupValue(spec)] as const;
  };
  const store = new MemoryStore([group("a")]);
  const abort = new AbortController();
  const cluster = followCluster(store, abort.signal);
  let heard: (readonly [name: string, readAt?: number])[] = [];
  const watchers: Pick<Watcher<object>, "name" | "subscribe">[] = Object
    .values(cluster);
  for (const watcher of watchers) {
    watcher.subscribe(
      "topics",
      (_changes, readAt) => heard.push([watcher.name, readAt]),
    );
  }
  await cluster.container.synced;
  assertEquals(heard.sort(), [
    ["container", undefined],
    ["podgroup", undefined],
  ]);
  heard = [];
  const before = now();
  store.put(...group("b"));
  await new Promise((resolve) => setTimeout(resolve));
  const [[, readAt = NaN] = []] = heard;
  assert(before <= readAt && readAt <= now(), `${before}, ${readAt}`);
  assertEquals(heard.sort(), [["container", readAt], ["podgroup", readAt]]);
  abort.abort();
});
