import { assert, assertEquals } from "@std/assert";
import { applyMergePatch } from "../../lib/client/patch.ts";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import {
  dependsKey,
  dependsValue,
  groupKey,
  type GroupSpec,
  groupValue,
} from "../../scripts/cluster.ts";
import { get, Stream } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";

const NODES = ["node1", "node2"].map((name, i) => ({
  name,
  ip: `192.168.77.2${i + 1}`,
}));
const [NODE = { name: "", ip: "" }, OTHER = NODE] = NODES;

const SHOP: GroupSpec = {
  app: "shop",
  proc: "web.web",
  instances: [1, 2, 3].map((i) => ({
    node: NODE,
    ip: `127.20.1.${i}`,
    id: `container ${i}`,
  })),
};

/** A record, without what differs each time. */
interface Entry {
  readonly time: string;
  readonly revision: number;
  readonly kind: string;
  readonly name: string;
  readonly app?: string;
  readonly change: string;
  readonly diff: readonly {
    readonly path: readonly (string | number)[];
    readonly before?: unknown;
    readonly after?: unknown;
  }[];
}

/** The records that a caller gets, the oldest first. */
async function changes(
  { url }: TestLainlet,
  query = "",
  from?: string,
): Promise<Entry[]> {
  const { status, body } = await get(`${url}/v2/changes${query}`, from);
  assertEquals(status, 200, body);
  return Object.values(JSON.parse(body));
}

const short = ({ kind, name, change }: Entry) => `${kind} ${name} ${change}`;

Deno.test("changes: differences are listed in order, without secrets", async () => {
  const store = new MemoryStore([
    ["/lain/config/ssl", "first secret"],
    [groupKey(SHOP), groupValue(SHOP)],
    ["/lain/nodes/nodes/node1:192.168.77.21:22", '{"mem":64.0,"cpus":4}'],
  ]);
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  assertEquals(await changes(lainlet), []);
  const [first, , third] = SHOP.instances;
  assert(first && third);
  const next = {
    ...SHOP,
    state: "drift",
    instances: [{ ...first, node: OTHER }, third],
  } as const;
  store.put(groupKey(SHOP), groupValue(SHOP)); // As it was.
  store.put(
    groupKey(SHOP),
    groupValue(next).replace('"InstanceNo":2', '"InstanceNo":3'),
  );
  store.put("/lain/config/ssl", "second secret");
  store.put("/lain/config/super_apps/deploy", "third secret");
  store.put("/lain/config/domain", "lain.example");
  store.put("/lain/nodes/nodes/node1:192.168.77.21:22", '{"mem":64.0}');
  store.put(dependsKey("mysql"), dependsValue(NODE, "shop", "127.20.1.9"));
  store.delete("/lain/config/domain");
  const all = await eventually("all is told", async () => {
    const all = await changes(lainlet);
    return all.length === 7 ? all : undefined;
  });
  // The order across kinds is not defined.
  const revisions = all.map(({ revision }) => revision);
  assertEquals(revisions.sort(), [3, 4, 5, 6, 7, 8, 9]);
  const pod = ["PodInfos", 0, "ContainerInfos", 0];
  const found = Object.fromEntries(all.map((one) => [short(one), one]));
  const group = found["group shop/shop.web.web changed"];
  assertEquals(group, {
    time: group?.time ?? "",
    revision: 3,
    kind: "group",
    name: "shop/shop.web.web",
    app: "shop",
    change: "changed",
    diff: [
      {
        path: ["PodInfos", 1],
        before: Object(group?.diff[0]).before,
      },
      {
        path: [...pod, "NodeIp"],
        before: NODE.ip,
        after: OTHER.ip,
      },
      {
        path: [...pod, "NodeName"],
        before: NODE.name,
        after: OTHER.name,
      },
      { path: ["State"], after: "drift" },
    ],
  });
  assertEquals(Object(group?.diff[0]?.before).InstanceNo, 2);
  const hidden = { path: [], before: "(secret)", after: "(secret)" };
  assertEquals(found["config ssl changed"]?.diff, [hidden]);
  assertEquals(found["config super_apps/deploy added"]?.diff, [
    { path: [], after: "(secret)" },
  ]);
  assertEquals(found["config domain removed"]?.diff, [
    { path: [], before: "lain.example" },
  ]);
  const [node] = found["node node1:192.168.77.21:22 changed"]?.diff ?? [];
  assertEquals(node, { path: ["cpus"], before: 4 });
  assertEquals(found[`depends mysql.portal.portal-mysql added`]?.app, "mysql");
  assert(!(await get(`${lainlet.url}/v2/changes`)).body.includes('secret"'));
});

Deno.test("changes: a caller that loses a right is not sent the change that took it", async () => {
  const store = new MemoryStore([
    [groupKey(SHOP), groupValue(SHOP)],
    ["/lain/config/super_apps/shop", "true"],
  ]);
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  await using stream = await Stream.open(
    `${lainlet.url}/v2/changes?watch=1`,
    "127.20.1.1",
  );
  assertEquals((await stream.next())?.event, "init");
  const value = new TextEncoder().encode("lain.example");
  store.commit([
    { key: "/lain/config/super_apps/shop" },
    { key: "/lain/config/domain", value },
  ]);
  assertEquals((await stream.next())?.event, "error");
  assertEquals(await stream.next(), undefined);
});

Deno.test("changes: by app for apps, and since a time", async () => {
  const store = new MemoryStore([
    [groupKey(SHOP), groupValue(SHOP)],
    [dependsKey("shop"), dependsValue(NODE, "blog", "127.20.1.9")],
  ]);
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const blog = { ...SHOP, app: "blog", instances: [] };
  store.put(
    groupKey({ ...SHOP, state: "fail" }),
    groupValue({ ...SHOP, state: "fail" }),
  );
  store.put(dependsKey("shop"), dependsValue(NODE, "blog", "127.20.1.8"));
  store.put("/lain/config/domain", "lain.example");
  store.put(groupKey(blog), groupValue(blog));
  await eventually(
    "all is told",
    async () => (await changes(lainlet)).length === 4 || undefined,
  );
  const ask = async (query: string, from?: string) =>
    (await changes(lainlet, query, from)).map(short).sort();
  const own = "group shop/shop.web.web changed";
  assertEquals(await ask("?app=shop"), [
    "depends shop.portal.portal-shop changed",
    own,
  ]);
  assertEquals(await ask("?app=*"), await ask(""));
  for (const query of ["", "?app=shop", "?app=shop/"]) {
    assertEquals(await ask(query, "127.20.1.1"), [own]);
  }
  for (const query of ["?app=blog", "?app=*"]) {
    const url = `${lainlet.url}/v2/changes${query}`;
    assertEquals((await get(url, "127.20.1.1")).status, 403);
  }
  assertEquals(
    (await get(`${lainlet.url}/v2/changes`, "127.20.1.99")).status,
    403,
  );

  const [last] = (await changes(lainlet)).slice(-1);
  const time = Date.parse(last?.time ?? "");
  const from = (await changes(lainlet)).filter((one) =>
    Date.parse(one.time) >= time
  );
  for (
    const [since, length] of [
      ["5m", 4],
      ["1d2h", 4],
      ["0", 4],
      ["", 4],
      ['"an entity tag"', 4],
      [String(time / 1000), from.length],
      [last?.time, from.length],
      [last?.time.replace("Z", "+00:00"), from.length],
      ["2999-01-01T00:00:00Z", 0],
      [encodeURIComponent("2999-01-01T00:00:00+01:00"), 0],
    ] as const
  ) {
    const found = await changes(lainlet, `?since=${since}`);
    assertEquals(found.length, length, since);
  }
  for (
    const since of [
      "5",
      "now",
      "5 m",
      "-5m",
      "5w",
      "2026-13-40T00:00:00Z",
      "2026-01-15",
    ]
  ) {
    const { status, body } = await get(
      `${lainlet.url}/v2/changes?since=${since}`,
    );
    if (since === "5") assertEquals(status, 200);
    else {
      assertEquals([status, body], [
        400,
        "since must be a time in RFC 3339, seconds since 1970, or a duration such as 5m",
      ], since);
    }
  }
});

Deno.test("changes: a watch gets each change, as a patch", async () => {
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  for (let i = 0; i < 100; i++) store.put("/lain/config/a", `before ${i}`);
  await eventually(
    "they are told",
    async () => (await changes(lainlet)).length === 100 || undefined,
  );
  await using stream = await Stream.open(
    `${lainlet.url}/v2/changes?watch=1&patch=merge&since=2999-01-01T00:00:00Z`,
  );
  await using whole = await Stream.open(
    `${lainlet.url}/v2/changes?watch=1&patch=merge`,
  );
  assertEquals((await stream.next())?.data, {});
  let state = (await whole.next())?.data;
  assertEquals(Object.keys(Object(state)).length, 100);
  for (let i = 0; i < 5; i++) {
    store.put("/lain/config/a", `after ${i}`);
    for (const one of [stream, whole]) {
      const told = await one.next();
      const [[number, entry] = ["", {}]] = Object.entries(Object(told?.data));
      assertEquals([told?.event, Number(number)], ["patch", 101 + i]);
      assertEquals(Object(entry).diff[0].after, `after ${i}`);
      if (one === whole) state = applyMergePatch(state, told?.data);
    }
  }
  const { body } = await get(`${lainlet.url}/v2/changes`);
  assertEquals(state, JSON.parse(body));
  const names = Object.keys(Object(state));
  assertEquals(names, names.toSorted());
});

Deno.test("changes: after a lost connection, only what differs is recorded", async () => {
  await using etcd = await TestEtcd.start();
  const blog = { ...SHOP, app: "blog" };
  await etcd.write({
    "/lain/config/a": "1",
    "/lain/config/b": "1",
    [groupKey(SHOP)]: groupValue(SHOP),
    [groupKey(blog)]: groupValue(blog),
  });
  await using proxy = new Proxy(etcd.endpoint);
  await using lainlet = new TestLainlet(new EtcdStore([proxy.url]));
  await lainlet.ready();
  proxy.fault = "cut";
  await etcd.write({ "/lain/config/a": null });
  await etcd.write({ "/lain/config/c": "1" });
  await etcd.write({
    [groupKey(blog)]: groupValue({ ...blog, state: "fail" }),
  });
  await etcd.write({ [groupKey(SHOP)]: groupValue(SHOP) });
  await etcd.compact();
  proxy.fault = "none";
  const told = await eventually("it is told", async () => {
    const all = await changes(lainlet);
    return all.length >= 3 ? all : undefined;
  });
  assertEquals(told.map(short).sort(), [
    "config a removed",
    "config c added",
    "group blog/blog.web.web changed",
  ]);
  const group = told.find(({ kind }) => kind === "group");
  assertEquals(group?.diff, [{ path: ["State"], after: "fail" }]);
});
