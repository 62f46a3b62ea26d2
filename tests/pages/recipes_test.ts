/**
 * What the page of recipes prints, run with the programs that it is for.
 *
 * @module
 */
import Ajv2020 from "ajv/dist/2020.js";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { get } from "../util/client.ts";
import { NEWER_SETTINGS } from "../util/debian.ts";
import { becomes, eventually, freePort, Program } from "../util/process.ts";
import { RecipeNode } from "./recipes.ts";

const PAGE = "lib/client/RECIPES.md";

const [N1, N2] = [
  { name: "node1", ip: "192.0.2.1" },
  { name: "node2", ip: "192.0.2.2" },
];

/** Where containers of the shop are; each answers with its address. */
const ADDRESSES = ["127.0.0.21", "127.0.0.22", "127.0.0.23"] as const;
const PORT = freePort();

/** Changes that put the only container of the shop at an address. */
function shopAt(ip: string, more = {}): Record<string, string> {
  const version = String(1 + ADDRESSES.findIndex((address) => address === ip));
  const shop = { app: "shop", proc: "web.web", port: PORT, version };
  const annotation = { mountpoint: ["shop.example", "shop.example/admin"] };
  const instances = [{ node: N1, ip }];
  const group = { ...shop, annotation, instances, ...more };
  return { [groupKey(group)]: groupValue(group) };
}

/** Groups that no router can route to: one that opens no port, one whose pod has no container. */
function unroutable(): Record<string, string> {
  const other = (app: string, port: number) => {
    const instances = [{ node: N2, ip: ADDRESSES[0] }];
    return { app, proc: "web.web", port, instances };
  };
  const [closed, empty] = [other("closed", 0), other("mail-2", PORT)];
  const value = JSON.parse(groupValue(empty));
  value.Pods[0].Containers = [];
  return {
    [groupKey(closed)]: groupValue(closed),
    [groupKey(empty)]: JSON.stringify(value),
  };
}

/**
 * Checks the part of Traefik's dynamic configuration that the page makes:
 * Traefik rejects members that it does not know, and empty names.
 *
 * @see https://doc.traefik.io/traefik/reference/dynamic-configuration/file/
 */
const isTraefik = new Ajv2020.default().compile(only({
  http: only({
    routers: named(only({ rule: text(), service: text() })),
    services: named(only({
      loadBalancer: only({ servers: list(only({ url: text("^http://") })) }),
    })),
  }),
}));

function only(properties: Record<string, object>) {
  const required = Object.keys(properties);
  return { type: "object", properties, required, additionalProperties: false };
}

function named(additionalProperties: object) {
  return { type: "object", minProperties: 1, additionalProperties };
}

function list(items: object) {
  return { type: "array", minItems: 1, items };
}

function text(pattern = ".") {
  return { type: "string", pattern };
}

/** How the page's blocks are completed to what nginx and HAProxy start with. */
const NGINX = (folder: string) => `
daemon off;
pid ${folder}/nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  include ${folder}/etc/nginx/conf.d/*.conf;
  include ${folder}/etc/nginx/sites-enabled/*;
}
`;
const HAPROXY = (folder: string, port: number) => `
global
  stats socket ${folder}/run/haproxy/admin.sock mode 600 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
frontend front
  bind 127.0.0.1:${port}
  default_backend shop.web.web
`;

/** What the filter of Fluent Bit makes of a record. */
const FILTERED = `dofile(arg[1])
local code, timestamp, record =
  add_release("tag", 7, { group = "shop.web.web", instance = 1 })
local _, _, other = add_release("tag", 7, { log = "of another program" })
print(code, timestamp, record.group, record.release, other.release)
`;

Deno.test(`pages: the recipes of ${PAGE} feed the real programs`, async (t) => {
  await using stack = new AsyncDisposableStack();
  const node = stack.use(await RecipeNode.make(PAGE));
  const { etcd, folder } = node;
  for (const hostname of ADDRESSES) {
    const handler = () => new Response(hostname);
    const options = { hostname, port: PORT, onListen: () => {} };
    stack.use(Deno.serve(options, handler));
  }
  await etcd.write({
    ...shopAt(ADDRESSES[0]),
    ...unroutable(),
    [nodeKey(N1)]: nodeValue(N1),
  });
  await node.install("/etc/lainlet/apis/traefik.js");
  await node.startLainlet();

  const upstreams = "/etc/nginx/conf.d/lainlet.conf";
  const [nginxPort, haproxyPort] = [freePort(), freePort()];
  await node.write(
    "/bin/nginx",
    `#!/bin/sh\nPATH=\${PATH#*:}\nexec nginx -p ${folder} -c etc/nginx/nginx.conf -e stderr "$@"\n`,
  );
  await node.write("/etc/nginx/nginx.conf", NGINX(folder));
  await node.write(upstreams, "");
  const site = node.block("nginx").replace(
    "listen 80",
    `listen 127.0.0.1:${nginxPort}`,
  );
  await node.write(
    "/etc/haproxy/haproxy.cfg",
    HAPROXY(folder, haproxyPort) + node.block("haproxy"),
  );
  await node.write("/run/haproxy/socket is made here", "");
  await node.write("/etc/hosts", "127.0.0.1 localhost\n");

  node.start("haproxy -db -f etc/haproxy/haproxy.cfg");
  await eventually(
    "HAProxy's socket is there",
    () => Deno.stat(node.path("/run/haproxy/admin.sock")),
  );
  const feedsNginx = await node.startRecipe("nginx");
  const feedsHaproxy = await node.startRecipe("haproxy");
  await node.startRecipe("hosts");
  await node.startRecipe("fluentbit");
  // Then the first upstreams are written: there is no nginx to reload yet.
  await eventually(
    "nginx would be reloaded",
    () => feedsNginx.stderr.includes("nginx.pid") || undefined,
  );
  await node.write("/etc/nginx/sites-enabled/shop", site);
  const nginx = node.start("nginx");

  /** Which container answers, by nginx and by HAProxy. */
  const answers = async () => {
    const ports = [nginxPort, haproxyPort];
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    const all = await Promise.all(urls.map((url) => get(url)));
    return all.map(({ body }) => body);
  };
  const routed = (what: string, address: string) =>
    becomes(what, answers, [address, address]);
  const log = () => nginx.stderr;

  await t.step("what is there is routed", async () => {
    await routed("both route to the container", ADDRESSES[0]);
    for (const group of ["closed", "mail-2"]) {
      assertStringIncludes(
        await node.read(upstreams),
        `upstream ${group}.web.web {\n  server 127.0.0.1:1 down;\n}\n`,
      );
    }
  });

  await t.step(
    "a container moves, and the next requests go there",
    async () => {
      // The state differs, but no address does: nginx is not reloaded.
      await etcd.write(shopAt(ADDRESSES[0], { annotation: { other: 1 } }));
      await etcd.write(shopAt(ADDRESSES[1]));
      await routed("both route to where it is now", ADDRESSES[1]);
      assertEquals(log().match(/SIGHUP\) received/g)?.length, 1, log());
    },
  );

  await t.step(
    "Traefik gets its routers and services, and where they are now",
    async () => {
      await node.install("/etc/traefik/traefik.yml");
      const { status, body } = await get(`${node.url}/v2/traefik`);
      assertEquals(status, 200, body);
      const configuration = JSON.parse(body);
      const isValid: boolean = isTraefik(configuration);
      assert(isValid, JSON.stringify(isTraefik.errors));
      const { routers, services } = configuration.http;
      assertEquals(services["shop.web.web"], {
        loadBalancer: { servers: [{ url: `http://${ADDRESSES[1]}:${PORT}` }] },
      });
      const rule = (path: string) =>
        `Host(\`shop.example\`) && PathPrefix(\`${path}\`)`;
      assertEquals(routers, {
        "shop.web.web-0": { rule: rule("/"), service: "shop.web.web" },
        "shop.web.web-1": { rule: rule("/admin"), service: "shop.web.web" },
      });
    },
  );

  await t.step("while routers are protected, nothing changes", async () => {
    const before = await node.read(upstreams);
    await etcd.write(shopAt(""));
    for (const recipe of [feedsNginx, feedsHaproxy]) {
      await eventually(
        "it is told",
        () =>
          /over half of the containers lost their IPs/.test(recipe.stderr) ||
          undefined,
      );
    }
    assertEquals(await answers(), [ADDRESSES[1], ADDRESSES[1]]);
    assertEquals(await node.read(upstreams), before);
    assertEquals((await get(`${node.url}/v2/traefik`)).status, 503);
    await etcd.write(shopAt(ADDRESSES[0]));
    await routed("both go on when it has an address", ADDRESSES[0]);
  });

  await t.step("the other files follow", async () => {
    const hosts = (...lines: string[]) =>
      [
        "127.0.0.1 localhost",
        "# lainlet begins",
        ...lines,
        "# lainlet ends",
        "",
      ].join("\n");
    await becomes(
      "a node is there",
      () => node.read("/etc/hosts"),
      hosts("192.0.2.1 node1"),
    );
    await etcd.write({ [nodeKey(N2)]: nodeValue(N2) });
    await becomes(
      "two are",
      () => node.read("/etc/hosts"),
      hosts("192.0.2.1 node1", "192.0.2.2 node2"),
    );

    await becomes(
      "a release",
      () => node.read("/run/lainlet-releases"),
      "shop.web.web/1 1\n",
    );
    await node.install("/etc/fluent-bit/lainlet.lua");
    await node.install("/etc/fluent-bit/fluent-bit.yaml");
    await node.write("/filtered.lua", FILTERED);
    await using filter = node.start(
      "luajit filtered.lua etc/fluent-bit/lainlet.lua",
    );
    assertEquals((await filter.ended()).code, 0, filter.stderr);
    assertEquals(filter.stdout, "2\t7\tshop.web.web\t1\tnil\n");
  });

  /** What Ansible knows by the inventory of the page. */
  const inventory = async () => {
    await using ansible = node.start(
      "ansible-inventory -i etc/ansible/lainlet --list",
    );
    const { code } = await ansible.ended();
    return { code, stdout: ansible.stdout, stderr: ansible.stderr };
  };
  await t.step("Ansible knows the nodes, and which run an app", async () => {
    await node.install("/etc/ansible/lainlet");
    const { code, stdout, stderr } = await inventory();
    assertEquals(code, 0, stderr);
    const { _meta, app_closed, app_shop, lain } = JSON.parse(stdout);
    assertEquals(lain.hosts, ["node1", "node2"]);
    assertEquals([app_shop.hosts, app_closed.hosts], [["node1"], ["node2"]]);
    assertEquals(_meta.hostvars.node2, {
      ansible_host: "192.0.2.2",
      ansible_port: 22,
    });
  });

  await t.step("lainlet is killed and comes back", async () => {
    await node.killLainlet();
    for (const recipe of [feedsNginx, feedsHaproxy]) {
      const told = () => /refused/.test(recipe.stderr) || undefined;
      await eventually("it cannot be reached", told);
    }
    assertEquals(await answers(), [ADDRESSES[0], ADDRESSES[0]]);
    await node.write(
      "/ansible.cfg",
      "[inventory]\nany_unparsed_is_failed = true\n",
    );
    assertNotEquals((await inventory()).code, 0);
    await etcd.write(shopAt(ADDRESSES[2]));
    await node.startLainlet();
    await routed("both route to where it is now", ADDRESSES[2]);
    await becomes(
      "the release",
      () => node.read("/run/lainlet-releases"),
      "shop.web.web/1 3\n",
    );
  });

  await t.step("what nginx rejects does not stay", async () => {
    const [key = ""] = Object.keys(shopAt(""));
    await etcd.write({ [key]: null });
    await eventually(
      "nginx says what is wrong",
      () => /host not found in upstream/.test(feedsNginx.stderr) || undefined,
    );
    await eventually(
      "the file is as before",
      async () =>
        (await node.read(upstreams)).includes("upstream shop.web.web") ||
        undefined,
    );
    assertEquals((await answers())[0], ADDRESSES[2]);
  });

  await t.step("systemd takes the unit", async () => {
    const units = "/etc/systemd/system";
    await node.install(`${units}/lainlet-recipe@.service`);
    await node.install(
      `${units}/lainlet-recipe@haproxy.service.d/haproxy.conf`,
    );
    await using verify = new Program("systemd-analyze", [
      "verify",
      "--man=no",
      node.path(`${units}/lainlet-recipe@haproxy.service`),
    ]);
    assertEquals((await verify.ended()).code, 0, verify.stderr);
    assertMatch(verify.stderr, NEWER_SETTINGS);
  });

  assertEquals(node.unused, []);
});
