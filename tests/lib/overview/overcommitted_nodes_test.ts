import { assert, assertEquals } from "@std/assert";
import { Client } from "../../../lib/client/client.ts";
import { OvercommittedNodes } from "../../../lib/overview/overcommitted_nodes.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { followCluster } from "../../../lib/watcher/cluster.ts";
import {
  groupKey,
  type GroupSpec,
  groupValue,
} from "../../../scripts/cluster.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { becomes } from "../../util/process.ts";

const GB = 2 ** 30;
const N1 = { name: "n1", ip: "192.0.2.1" };
const N2 = { name: "n2", ip: "192.0.2.2" };
const NODE_KEY = "/lain/nodes/nodes/n1:192.0.2.1:22";

const node = (cpus: number | string, mem: number) =>
  JSON.stringify({ cpus, mem });

/** A group of pods of 1 CPU and 1 GB on n1, and one on n2. */
function group(count: number): [key: string, value: string] {
  const spec: GroupSpec = {
    app: "shop",
    proc: "web.web",
    cpu: 1,
    memory: GB,
    instances: [N2, ...Array.from({ length: count }, () => N1)]
      .map((node, i) => ({ node, ip: `172.20.0.${i}`, id: `c${i}` })),
  };
  return [groupKey(spec), groupValue(spec)];
}

/** Follows a store. */
async function scene(store: MemoryStore) {
  const stop = new AbortController();
  const cluster = followCluster(store, stop.signal);
  const overcommitted = new OvercommittedNodes(cluster);
  await Promise.all(Object.values(cluster).map(({ synced }) => synced));
  const since = () => Object.fromEntries(overcommitted.since);
  return {
    since,
    /** Which resources are overcommitted, and whether that was seen to begin. */
    becomes: (
      what: string,
      expected: Record<string, Record<string, boolean>>,
    ) =>
      becomes(
        what,
        () =>
          Promise.resolve(Object.fromEntries(
            Object.entries(since()).map(([name, all]) => [
              name,
              Object.fromEntries(
                Object.entries(all).map(([one, { isAtLeast }]) => [
                  one,
                  !isAtLeast,
                ]),
              ),
            ]),
          )),
        expected,
      ),
    [Symbol.dispose]: () => stop.abort(),
  };
}

Deno.test("overcommitted nodes: since limits reserve more of a resource than there is, until they do not", async () => {
  const store = new MemoryStore([[NODE_KEY, node("2", 3)], group(2)]);
  using s = await scene(store);
  assertEquals(s.since(), {});
  const begin = Date.now();
  store.put(...group(3));
  await s.becomes("CPU", { n1: { CPU: true } });
  const { CPU } = s.since().n1 ?? {};
  assert(CPU && CPU.time >= begin && CPU.time <= Date.now());
  store.put(...group(4));
  await s.becomes("both", { n1: { CPU: true, memory: true } });
  // What lasts began when it began.
  assertEquals(s.since().n1?.CPU, CPU);
  // The node is enlarged, and a resource is enough.
  store.put(NODE_KEY, node("2", 4));
  await s.becomes("CPU again", { n1: { CPU: true } });
  store.put(...group(2));
  await s.becomes("none", {});
  // The pods of another node, of which nothing is known, are none of its own.
  store.put(NODE_KEY, node(1, 4));
  await s.becomes("a smaller node", { n1: { CPU: true } });
  store.delete(NODE_KEY);
  await s.becomes("no node", {});
  store.put(NODE_KEY, node(1, 4));
  await s.becomes("a node", { n1: { CPU: true } });
  store.delete(group(2)[0]);
  await s.becomes("no pods", {});
});

Deno.test("overcommitted nodes: what was so at the start may have begun before", async () => {
  using s = await scene(
    new MemoryStore([[NODE_KEY, node(2, 9)], group(3)]),
  );
  await s.becomes("CPU", { n1: { CPU: false } });
});

Deno.test("overcommitted nodes: a limit beyond all bounds leaves no trace", async () => {
  const store = new MemoryStore([[NODE_KEY, node(2, 9)], group(2)]);
  using s = await scene(store);
  const [key, value] = group(2);
  const huge = value.replaceAll(/"CpuLimit":\d+/g, '"CpuLimit":1e300');
  assert(huge !== value);
  store.put(key, huge);
  await s.becomes("CPU", { n1: { CPU: true } });
  store.put(key, value);
  await s.becomes("none", {});
});

Deno.test("overcommitted nodes: the overview says since when they are so", async () => {
  const store = new MemoryStore([[NODE_KEY, node(2, 2)], group(2)]);
  await using lainlet = await new TestLainlet(store).ready();
  const client = new Client(lainlet.url);
  const present = async () =>
    (await client.get("overview", {}))["lainlet/present"];
  assertEquals((await present()).overcommittedSince, {});
  const begin = Date.now();
  store.put(...group(3));
  await becomes(
    "what is overcommitted",
    async () => Object.keys((await present()).overcommittedSince.n1 ?? {}),
    ["CPU", "memory"],
  );
  const { CPU } = (await present()).overcommittedSince.n1 ?? {};
  const time = Date.parse(CPU?.time ?? "");
  assert(time >= begin && time <= Date.now());
  assertEquals(CPU?.isAtLeast, false);
});
