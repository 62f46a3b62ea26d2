import { assertEquals } from "@std/assert";
import {
  dependsKey,
  dependsValue,
  groupKey,
  type GroupSpec,
  groupValue,
} from "../../../scripts/cluster.ts";
import { EtcdStore } from "../../../lib/store/etcd/store.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { get, Stream } from "../../util/client.ts";
import { TestEtcd } from "../../util/etcd.ts";
import { TestLainlet } from "../../util/lainlet.ts";

const NODE = { name: "node1", ip: "192.168.77.21" };
const group = (app: string, ...ips: string[]): GroupSpec => ({
  app,
  proc: "web.web",
  instances: ips.map((ip) => ({ node: NODE, ip })),
});
const put = (spec: GroupSpec) => [groupKey(spec), groupValue(spec)] as const;

const SHOP = "127.20.2.1";
const BLOG = "127.20.2.2";
const PORTAL = "127.20.2.3";

function store(): MemoryStore {
  return new MemoryStore([
    put(group("shop", SHOP)),
    put(group("blog", BLOG)),
    [dependsKey("shop"), dependsValue(NODE, "blog", PORTAL)],
    [
      "/lain/deployd/depends/pods/mail.lain.portal.portal-mail",
      dependsValue(NODE, "blog", "127.20.2.4"),
    ],
    ["/lain/config/domain", "lain.local"],
    ["/lain/config/ssl", "secret"],
    ["/lain/config/super_appsx", "secret"],
    ["/lain/config/s", "public"],
    ["/lain/config/super_apps/blogger", ""],
  ]);
}

const refused = "authorize failed, super required";
const notYours = "authorize failed, no permission";

Deno.test("an app may read itself, and the app whose portal it runs", async () => {
  const memory = store();
  // A container of blog that is also a portal of shop.
  memory.put(groupKey(group("blog")), groupValue(group("blog", BLOG, PORTAL)));
  await using server = await new TestLainlet(memory).ready();
  const ask = async (query: string, from: string) => {
    const { status, body } = await get(
      `${server.url}/v2/${query}`,
      from,
    );
    return status === 200 ? Object.keys(JSON.parse(body)) : body;
  };
  assertEquals(await ask("proxywatcher", SHOP), ["shop.web.web"]);
  assertEquals(await ask("proxywatcher?appname=shop/", SHOP), ["shop.web.web"]);
  assertEquals(await ask("proxywatcher?appname=blog", SHOP), notYours);
  assertEquals(await ask("proxywatcher?appname=*", SHOP), notYours);
  assertEquals(
    await ask("proxywatcher?appname=shop/shop.web.web", SHOP),
    notYours,
  );
  assertEquals(await ask("proxywatcher", PORTAL), ["blog.web.web"]);
  assertEquals(await ask("proxywatcher?appname=shop", PORTAL), [
    "shop.web.web",
  ]);
  assertEquals(await ask("appswatcher", SHOP), refused);
});

Deno.test("the service of a portal is its pod's name without the portal", async () => {
  await using server = await new TestLainlet(store()).ready();
  const appname = async (ip: string) =>
    (await get(`${server.url}/appname?ip=${ip}`)).body;
  assertEquals(await appname(PORTAL), '{"appname":"shop"}');
  assertEquals(await appname("127.20.2.4"), '{"appname":"mail.lain"}');
  assertEquals(await appname(`::ffff:${SHOP}`), '{"appname":"shop"}');
  assertEquals((await get(`${server.url}/appname?ip=127.20.2.9`)).status, 404);
  assertEquals((await get(`${server.url}/appname?ip=nonsense`)).status, 404);
  assertEquals((await get(`${server.url}/appname`, SHOP)).status, 403);
});

Deno.test("no header changes the caller", async () => {
  await using server = await new TestLainlet(store()).ready();
  const headers = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1",
  };
  const { status } = await get(`${server.url}/v2/nodes`, SHOP, { headers });
  assertEquals(status, 403);
});

Deno.test("the node's own address is local", async () => {
  await using server = await new TestLainlet(store(), {
    host: { ip: SHOP, hostname: "node1" },
  }).ready();
  assertEquals((await get(`${server.url}/v2/nodes`, SHOP)).status, 200);
  assertEquals((await get(`${server.url}/v2/nodes`, BLOG)).status, 403);
});

Deno.test("with --noauth every caller may read everything", async () => {
  await using server = await new TestLainlet(store(), { auth: false }).ready();
  for (
    const path of [
      "/v2/nodes",
      "/v2/configwatcher",
      "/v2/coreinfowatcher",
      "/appname?ip=127.20.2.1",
    ]
  ) {
    assertEquals((await get(server.url + path, "127.99.0.1")).status, 200);
  }
});

Deno.test("only the exact name of a super app counts", async () => {
  const memory = store();
  await using server = await new TestLainlet(memory).ready();
  const status = async () => (await get(`${server.url}/v2/nodes`, BLOG)).status;
  // super_apps/blogger exists, super_apps/blog does not.
  assertEquals(await status(), 403);
  memory.put("/lain/config/super_apps/blog", "");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(await status(), 200);
  // Without an address, it asks for its own.
  const { body } = await get(`${server.url}/appname`, BLOG);
  assertEquals(body, '{"appname":"blog"}');
});

Deno.test("the portal of a super app is a super caller", async () => {
  const memory = store();
  await using server = await new TestLainlet(memory).ready();
  const status = async () =>
    (await get(`${server.url}/v2/nodes`, PORTAL)).status;
  assertEquals(await status(), 403);
  memory.put("/lain/config/super_apps/shop", "");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(await status(), 200);
});

Deno.test("neither an app without a name nor an empty address has rights", async () => {
  const memory = new MemoryStore([
    ["/lain/deployd/pod_groups/x/x.web.web", groupValue(group("", SHOP, ""))],
    ["/lain/config/super_apps/", ""],
  ]);
  await using server = await new TestLainlet(memory).ready();
  assertEquals((await get(`${server.url}/v2/proxywatcher`, SHOP)).status, 403);
  assertEquals((await get(`${server.url}/v2/nodes`, SHOP)).status, 403);
});

Deno.test("only super callers get secret names", async () => {
  const memory = store();
  await using server = await new TestLainlet(memory).ready();
  const url = `${server.url}/v2/configwatcher?target=s`;
  const names = Object.keys(JSON.parse((await get(url)).body));
  assertEquals(names, ["s", "ssl", "super_apps/blogger", "super_appsx"]);
  assertEquals((await get(url, SHOP)).body, '{"s":"public"}');
  await using stream = await Stream.open(`${url}&watch=1`, SHOP);
  assertEquals((await stream.next())?.data, { s: "public" });
  memory.put("/lain/config/ssl", "other");
  memory.put("/lain/config/swarm_manager_ip", "10.0.0.1");
  memory.put("/lain/config/st", "public too");
  assertEquals(await stream.next(), {
    id: "2",
    event: "update",
    data: { s: "public", st: "public too" },
  });
  // Puts of what it may not see, or did not ask for, make no update of a removal.
  const value = new TextEncoder().encode("x");
  memory.commit([
    { key: "/lain/config/st" },
    { key: "/lain/config/ssl", value },
    { key: "/lain/config/x", value },
  ]);
  assertEquals(await stream.next(), {
    id: "3",
    event: "delete",
    data: { s: "public" },
  });
  for (
    const target of ["ssl", "sslx", "super_apps/", "vip", "vips/1", "dns_ip"]
  ) {
    const { status } = await get(
      `${server.url}/v2/configwatcher?target=${target}`,
      SHOP,
    );
    assertEquals([target, status], [target, 403]);
  }
  assertEquals(
    (await get(`${server.url}/v2/configwatcher`, SHOP)).body,
    refused,
  );
});

/** The secret names: each also stands for those that begin with it. */
const SECRET_NAMES = [
  "bootstrap_node_ip",
  "calico_default_rule",
  "calico_network",
  "dns_ip",
  "dns_port",
  "dnsmasq_addresses",
  "dnsmasq_servers",
  "etcd_cluster_token",
  "node_network",
  "rsyncd_secrets",
  "ssl",
  "super_apps",
  "swarm_manager_ip",
  "system_volumes",
  "tinydns_fqdns",
  "vip",
  "vips",
];

Deno.test("each secret name, and what begins with it, is secret, and no other name", async () => {
  const memory = store();
  const secrets = SECRET_NAMES.flatMap((name) => [name, `${name}/a`]);
  // One character less, and the same further on.
  const others = SECRET_NAMES.flatMap((name) => [
    ...name === "vips" ? [] : [name.slice(0, -1)],
    `${name[0]}-${name}`,
  ]);
  for (const name of [...secrets, ...others]) {
    memory.put(`/lain/config/${name}`, "x");
  }
  await using server = await new TestLainlet(memory).ready();
  const ask = (target: string) =>
    get(`${server.url}/v2/configwatcher?target=${target}`, SHOP);
  const seen = new Set<string>();
  for (const letter of new Set(SECRET_NAMES.map((name) => name[0]))) {
    const { body } = await ask(`${letter}`);
    for (const name of Object.keys(JSON.parse(body))) seen.add(name);
  }
  assertEquals(secrets.filter((name) => seen.has(name)), []);
  assertEquals(others.filter((name) => !seen.has(name)), []);
  for (const target of secrets) {
    assertEquals([target, (await ask(target)).status], [target, 403]);
  }
});

Deno.test("an open stream ends with an error when its caller loses the right, on a real etcd", async (t) => {
  await using etcd = await TestEtcd.start();
  await using server = new TestLainlet(new EtcdStore([etcd.endpoint]));
  await etcd.write(
    Object.fromEntries([put(group("shop", SHOP)), put(group("blog", BLOG))]),
  );
  await etcd.write({
    "/lain/config/super_apps/shop": "",
    "/lain/config/domain": "x",
  });
  await etcd.write({
    [dependsKey("shop")]: dependsValue(NODE, "blog", PORTAL),
  });
  await server.ready();
  const watch = (path: string, from: string) =>
    Stream.open(`${server.url}/v2/${path}`, from);

  await t.step("the app is no longer a super app", async () => {
    await using all = await watch("nodes?watch=1", SHOP);
    await using whole = await watch("coreinfowatcher?watch=1", SHOP);
    await using config = await watch("configwatcher?target=d&watch=1", SHOP);
    await using own = await watch("coreinfowatcher?watch=1&appname=shop", SHOP);
    for (const stream of [all, whole, config, own]) await stream.next();
    await etcd.write({ "/lain/config/super_apps/shop": null });
    for (const stream of [all, whole, config]) {
      assertEquals(await stream.next(), {
        id: "0",
        event: "error",
        data: refused,
      });
      assertEquals(await stream.next(), undefined);
    }
    await etcd.write(
      Object.fromEntries([put({ ...group("shop", SHOP), version: "2" })]),
    );
    assertEquals((await own.next())?.event, "update");
  });

  await t.step("the address belongs to another app", async () => {
    await using implicit = await watch("coreinfowatcher?watch=1", SHOP);
    await using explicit = await watch(
      "coreinfowatcher?watch=1&appname=shop",
      SHOP,
    );
    await implicit.next();
    await explicit.next();
    await etcd.write(
      Object.fromEntries([
        put(group("shop", "127.20.2.8")),
        put(group("blog", BLOG, SHOP)),
      ]),
    );
    for (const stream of [implicit, explicit]) {
      assertEquals(await stream.next(), {
        id: "0",
        event: "error",
        data: notYours,
      });
      assertEquals(await stream.next(), undefined);
    }
    await using now = await watch("coreinfowatcher?watch=1", SHOP);
    assertEquals(Object.keys(Object((await now.next())?.data)), [
      "blog.web.web",
    ]);
  });

  await t.step("the portal is removed", async () => {
    await using stream = await watch("proxywatcher?watch=1", PORTAL);
    assertEquals(Object.keys(Object((await stream.next())?.data)), [
      "shop.web.web",
    ]);
    await etcd.write({ [dependsKey("shop")]: null });
    assertEquals((await stream.next())?.data, notYours);
  });
});
