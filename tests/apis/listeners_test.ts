import { assert, assertEquals } from "@std/assert";
import { HttpServer } from "../../lib/http/server.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { get, Stream } from "../util/client.ts";
import { RpcClient } from "../util/grpc.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";

const SHOP = {
  app: "shop",
  proc: "web.web",
  instances: [{
    node: { name: "node1", ip: "192.168.77.21" },
    ip: "127.20.1.1",
  }],
};

/** Reads all listeners; `rest` has the fields that do not change. */
async function listeners({ url }: TestLainlet) {
  const { status, body } = await get(`${url}/v2/listeners`);
  assertEquals(status, 200, body);
  return Object.values(JSON.parse(body)).map((one) => {
    const { since, sent, behind, behindFor, slow, ...rest } = Object(one);
    assert(Math.abs(since - Date.now() / 1000) < 60);
    return { rest, sent, behind, behindFor, slow };
  });
}

Deno.test("listeners: their apps and requests, by HTTP and by gRPC", async () => {
  const store = new MemoryStore([[groupKey(SHOP), groupValue(SHOP)]]);
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const { url } = lainlet;
  assertEquals(await listeners(lainlet), []);
  await using web = await Stream.open(
    `${url}/v2/proxywatcher/?watch=1&appname=shop&token=secret&patch=merge&client=web%201`,
    "127.20.1.1",
  );
  await web.next();
  await using client = await RpcClient.open(lainlet.rpcPort);
  using rpc = client.watch("Proxy", { Appname: "shop" });
  await rpc.next();
  store.put(groupKey(SHOP), groupValue({ ...SHOP, port: 81 }));
  await Promise.all([web.next(), rpc.next()]);
  const both = await eventually("two frames each are counted", async () => {
    const all = await listeners(lainlet);
    return all.every(({ sent }) => sent === 2) ? all : undefined;
  });
  const calm = { sent: 2, behind: false, behindFor: 0, slow: false };
  assertEquals(both, [
    {
      rest: {
        app: "shop",
        endpoint: "/v2/proxywatcher",
        params: {
          appname: "shop",
          watch: "1",
          patch: "merge",
          client: "web 1",
        },
        peer: "127.20.1.1",
        protocol: "http",
      },
      ...calm,
    },
    {
      rest: {
        endpoint: "/message.Proxy/Watch",
        params: { appname: "shop" },
        peer: "127.0.0.1",
        protocol: "grpc",
      },
      ...calm,
    },
  ]);
  const { status } = await get(`${url}/v2/listeners`, "127.20.1.1");
  assertEquals(status, 403);

  // A watch of the view lists itself, and shows when others end.
  await using followed = await Stream.open(
    `${url}/v2/listeners?watch=1&patch=merge`,
  );
  assertEquals(Object.keys(Object((await followed.next())?.data)).length, 3);
  await web[Symbol.asyncDispose]();
  const told = await eventually("one has left", async () => {
    const { data } = await followed.next() ?? {};
    return Object(data)["0"] === null ? data : undefined;
  });
  assert(!JSON.stringify(told).includes("secret"));
  assertEquals((await listeners(lainlet)).length, 2);
});

Deno.test("listeners: a waiting GET does not see itself", async () => {
  await using lainlet = new TestLainlet(
    new MemoryStore([["/lain/config/a", "1"]]),
  );
  await lainlet.ready();
  const url = `${lainlet.url}/v2/listeners`;
  const { headers } = await get(url);
  const answer = get(url, undefined, {
    headers: {
      "If-None-Match": headers.get("etag") ?? "",
      "Prefer": "wait=60",
    },
  });
  await eventually(
    "it waits",
    async () => (await listeners(lainlet)).length === 1 || undefined,
    4_000,
  );
  await using other = await Stream.open(`${lainlet.url}/v2/nodes?watch=1`);
  await other.next();
  const { status, body } = await answer;
  assertEquals(status, 200);
  const [only, ...more] = Object.values(JSON.parse(body));
  assertEquals([Object(only).endpoint, more], ["/v2/nodes", []]);
});

Deno.test("listeners: slow ones are behind, on whatever thread", async () => {
  const large = "x".repeat(4_000_000);
  const store = new MemoryStore([["/lain/config/a", large]]);
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const server = new HttpServer(lainlet.lainlet, {
    serve: (options, handler) => Deno.serve(options, handler),
    web: { hostname: "127.0.0.1", port: 0 },
    workers: 2,
    listeners: 100,
    hosts: [],
    slowAfter: 60_000,
    logFormat: "logfmt",
    logLevel: "info",
  });
  await server.ready();
  const { port } = server.address;
  const stalled = await Promise.all(Array.from({ length: 8 }, async () => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const request = "GET /v2/configwatcher?watch=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    await conn.write(new TextEncoder().encode(request));
    return conn;
  }));
  await using reading = await Stream.open(
    `http://127.0.0.1:${port}/v2/configwatcher?watch=1&patch=merge`,
  );
  await eventually(
    "all listen",
    async () => (await listeners(lainlet)).length === 9 || undefined,
  );
  await reading.next();
  let number = 0;
  const all = await eventually("eight are behind", async () => {
    store.put("/lain/config/a", `${large}${number++}`);
    await reading.next();
    const all = await listeners(lainlet);
    const behind = all.filter(({ behindFor }) => behindFor > 0);
    return behind.length === 8 ? all : undefined;
  });
  for (const { rest, sent, behind } of all) {
    const isReading = rest.params.patch !== undefined;
    if (!isReading) assertEquals(behind, true);
    else assert(sent > 2, `${sent}`);
  }
  const { body } = await get(`${lainlet.url}/metrics`);
  assertEquals(/^lainlet_listeners_behind (\d)$/m.exec(body)?.[1], "8");
  for (const conn of stalled) conn.close();
  await eventually(
    "they have left",
    async () => (await listeners(lainlet)).length === 1 || undefined,
  );
  const after = await get(`${lainlet.url}/metrics`);
  assertEquals(/^lainlet_listeners_behind (\d)$/m.exec(after.body)?.[1], "0");
  await reading[Symbol.asyncDispose]();
  await server.close();
});
