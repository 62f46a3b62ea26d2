import { assert, assertEquals } from "@std/assert";
import overview from "../../apis/overview.ts";
import { Client } from "../../lib/client/client.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { get } from "../util/client.ts";
import { cluster } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";

/** The members of one kind, by the rest of their name. */
function kind(data: object, name: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(data).filter(([key]) => key.startsWith(`${name}/`))
      .map(([key, value]) => [key.slice(name.length + 1), value]),
  );
}

Deno.test("overview: it has what the other views have, and the runtime statistics", async () => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const client = new Client(lainlet.url);
  const data = await client.get("overview", {});
  assertEquals(kind(data, "config"), await client.get("configwatcher", {}));
  assertEquals(kind(data, "depends"), await client.get("depends", {}));
  assertEquals(kind(data, "node"), await client.get("nodes", {}));
  const pods = await client.get("coreinfowatcher", {});
  for (const [key, group] of Object.entries(kind(data, "group"))) {
    const { PodInfos, ...facts } = Object(group);
    assertEquals([facts.State, facts.Health], ["success", "none"]);
    for (const [i, pod] of Object.entries(PodInfos)) {
      const known = pods[key.split("/")[1] ?? ""]?.PodInfos[Number(i)];
      assertEquals({ ...Object(pod), ...known }, pod);
      assertEquals(Object(pod).Restarts, 0);
    }
  }
  const { revision, source, stale } = data["lainlet/present"];
  assertEquals([revision, source, stale], [1, "memory", false]);
});

Deno.test("overview: a watch gets every change, and the runtime statistics each second", async () => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const stop = new AbortController();
  const client = new Client(lainlet.url);
  let last: object = {};
  const reading = (async () => {
    const options = { signal: stop.signal };
    for await (const { data } of client.watch("overview", {}, options)) {
      last = data;
    }
  })();
  const becomes = (what: string, path: string, value: unknown) =>
    eventually(what, () => {
      const [member = "", name] = path.split(" ");
      const found = Object(last)[member];
      const is = name === undefined ? found : Object(found)[name];
      return JSON.stringify(is) === JSON.stringify(value) || undefined;
    });
  store.put("/lain/config/new", "x");
  await becomes("the setting is there", "config/new", "x");
  store.put("/lain/nodes/nodes/n9:192.0.2.9:22", '{"a":1}');
  await becomes("the node is there", "node/n9:192.0.2.9:22", { a: 1 });
  store.delete("/lain/config/new");
  await becomes("the setting is gone", "config/new", undefined);
  store.put("/lain/config/", "a key without a name");
  const other = client.watch("nodes", {}, { signal: stop.signal });
  await other.next();
  await becomes("the streams are counted", "lainlet/present endpoints", {
    "/v2/nodes": 1,
    "/v2/overview": 1,
  });
  await becomes("the listeners are", "lainlet/present listeners", 2);
  const { watchers } = JSON.parse((await get(`${lainlet.url}/debug`)).body);
  assertEquals(
    Object.values(watchers).map((one) => Object(one).NumReceivers),
    [1, 0, 1, 2, 1],
  );
  stop.abort();
  await reading;
});

Deno.test("overview: for super callers only", async () => {
  await using lainlet = new TestLainlet(
    new MemoryStore(Object.entries(cluster)),
  );
  await lainlet.ready();
  const { status, body } = await get(`${lainlet.url}/v2/overview`, "127.0.0.9");
  assertEquals([status, body], [403, "authorize failed, super required"]);
  assert(!body.includes("config/"));
});

Deno.test("overview: a removal in any subtree is sent at once", async () => {
  const content: Record<string, string> = {
    "/lain/config/a": "1",
    "/lain/deployd/depends/pods/s.portal.portal-s": "{}",
    "/lain/deployd/pod_groups/a/a.web.web": "{}",
    "/lain/nodes/nodes/n9:192.0.2.9:22": "{}",
  };
  const store = new MemoryStore(Object.entries(content));
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const source = overview.source(lainlet.lainlet);
  for (const key of Object.keys(content)) {
    let isTold = false;
    // The runtime statistics each second are an update.
    const { end } = source.subscribe((kind) => {
      if (kind === "delete") isTold = true;
    });
    store.delete(key);
    await eventually(
      `the removal of ${key} is told`,
      () => isTold || undefined,
    );
    end();
  }
});
