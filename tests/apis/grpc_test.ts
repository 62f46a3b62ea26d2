/**
 * The endpoints by gRPC, read by an independent client (grpc-js).
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  dependsKey,
  dependsValue,
  groupKey,
  groupValue,
} from "../../scripts/cluster.ts";
import { file_message, Lainlet } from "../../lib/grpc/proto/message_pb.ts";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import type { KeyChange } from "../../lib/store/store.ts";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { calls, cluster, comparableReply, golden } from "../util/golden.ts";
import { type Outcome, RpcClient, type RpcStream } from "../util/grpc.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";

/** Services that can be watched. */
const WATCHED = file_message.services
  .filter(({ method }) => method.watch !== undefined)
  .map(({ name }) => name);

/** A request that every service takes. */
const REQUEST: Record<string, JsonObject> = { Podgroup: { Appname: "*" } };

function put(key: string, value: string): KeyChange {
  return { key, value: new TextEncoder().encode(value) };
}

/** The next reply. @throws {Error} when the stream ends instead */
async function reply(stream: RpcStream): Promise<JsonObject> {
  const next = await stream.next();
  if ("code" in next) throw new Error(`${next.code}: ${next.message}`);
  return next;
}

/** How a stream ends. */
async function end(stream: RpcStream): Promise<Outcome> {
  for (;;) {
    const next = await stream.next();
    if (isOutcome(next)) return next;
  }
}

function isOutcome(next: JsonObject | Outcome): next is Outcome {
  return typeof next.code === "string" && typeof next.message === "string";
}

Deno.test("gRPC: every golden call, from a real etcd", async (t) => {
  await using etcd = await TestEtcd.start();
  await etcd.load(cluster);
  await using lainlet = await new TestLainlet(new EtcdStore([etcd.endpoint]))
    .ready();
  for (const [from, own] of Map.groupBy(calls, ({ from }) => from)) {
    await using client = await RpcClient.open(lainlet.rpcPort, from);
    for (const { service, request, code, reply } of own) {
      const name = `${service} ${JSON.stringify(request)} from ${from}`;
      await t.step(name, async () => {
        const outcome = await client.get(service, request);
        assertEquals(outcome.code, code, outcome.message);
        assertEquals(
          comparableReply(service, outcome.reply),
          comparableReply(service, reply),
        );
      });
    }
  }
});

Deno.test("gRPC: a refusal has the text of HTTP's, and the code for its status", async () => {
  await using lainlet = await new TestLainlet(golden()).ready();
  const { rpcPort, url } = lainlet;
  await using local = await RpcClient.open(rpcPort);
  await using nobody = await RpcClient.open(rpcPort, "127.99.0.1");
  const [invalid, denied] = ["invalid_argument", "permission_denied"];
  const [anybody, lain] = ["127.99.0.1", "127.0.0.1"];
  for (
    const [client, from, service, request, path, code] of [
      [local, lain, "Podgroup", {}, "/v2/procwatcher", invalid],
      [nobody, anybody, "Apps", {}, "/v2/appswatcher", denied],
      [nobody, anybody, "Proxy", {}, "/v2/proxywatcher", denied],
      [local, lain, "Appname", {}, "/appname", "not_found"],
      [
        local,
        lain,
        "StreamrouterStreamprocs",
        { Appname: "app000" },
        "/v2/streamrouter/streamprocs?appname=app000",
        "unavailable",
      ],
    ] as const
  ) {
    const { body } = await get(url + path, from);
    const refused = { code, message: body };
    assertEquals(await client.get(service, request), refused, service);
    if (service === "Appname" || code === "unavailable") continue;
    using stream = client.watch(service, request);
    assertEquals(await stream.next(), refused, service);
  }
});

Deno.test("gRPC: every watch sends the state at once, and after a put, a transaction and a removal", async (t) => {
  const store = golden();
  // So that neither router is protected.
  for (const [key, value] of Object.entries(cluster)) {
    if (key.includes("/pod_groups/")) {
      store.put(
        key,
        value.replaceAll('"ContainerIp": ""', '"ContainerIp": "127.9.9.9"'),
      );
    }
  }
  await using lainlet = await new TestLainlet(store).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  const node = { name: "node1", ip: "192.168.77.21" };
  const group = (version: string, count: number) => {
    const spec = {
      app: "console",
      proc: "web.web",
      version,
      annotation: {
        ports: [{ srcport: 7_000 + count, dstport: 80 }],
        backup: [],
      },
      instances: Array.from(
        { length: count },
        (_, i) => ({ node, ip: `127.8.0.${i}` }),
      ),
    };
    return put(groupKey(spec), groupValue(spec));
  };
  const [depends = ""] = Object.keys(cluster).filter((key) =>
    key.includes("/depends/")
  );
  const nodeKey = "/lain/nodes/nodes/node9:192.0.2.9:22";
  const all = (count: number) => [
    group(`${count}`, count),
    put("/lain/config/domain", `lain.${count}`),
    put(nodeKey, JSON.stringify({ name: "node9", size: count })),
    put(
      depends.replace(/[^/]+$/, "extra.portal.portal-extra"),
      JSON.stringify({ n: { [`app${count}`]: {} } }),
    ),
    put(
      groupKey({ app: `app9${count}`, proc: "web.web", instances: [] }),
      groupValue({ app: `app9${count}`, proc: "web.web", instances: [] }),
    ),
  ];
  const streams = new Map(
    WATCHED.map((service) =>
      [service, client.watch(service, REQUEST[service])] as const
    ),
  );
  const agree = async (what: string) => {
    for (const [service, stream] of streams) {
      await t.step(`${service}: ${what}`, async () => {
        const { reply: now } = await client.get(service, REQUEST[service]);
        assertEquals(await reply(stream), now);
        assertEquals(stream.size, 0);
      });
    }
  };
  await agree("at once");
  for (const change of all(1)) store.commit([change]);
  for (const [service, stream] of streams) {
    // Each watch got a reply for its change; slow ones got the latest state.
    const { reply: now } = await client.get(service, REQUEST[service]);
    await t.step(`${service}: after puts`, async () => {
      for (;;) {
        if (JSON.stringify(await reply(stream)) === JSON.stringify(now)) break;
      }
    });
  }
  store.commit(all(2));
  await agree("after a transaction");
  store.commit(all(2).map(({ key }) => ({ key })));
  await agree("after a removal");
  for (const stream of streams.values()) stream[Symbol.dispose]();
});

Deno.test("gRPC: routers are protected: nothing is sent while over half of the pods have no address", async () => {
  const store = new MemoryStore();
  const node = { name: "node1", ip: "192.168.77.21" };
  const set = (...ips: string[]) => {
    const spec = {
      app: "shop",
      proc: "web.web",
      annotation: { ports: [{ srcport: 7_000, dstport: 80 }] },
      instances: ips.map((ip) => ({ node, ip })),
    };
    store.put(groupKey(spec), groupValue(spec));
  };
  set("127.8.0.1", "");
  await using lainlet = await new TestLainlet(store).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  const services = ["WebrouterWebprocs", "StreamrouterStreamprocs"];
  const streams = services.map((service) => client.watch(service));
  for (const stream of streams) await reply(stream);
  set("127.8.0.1", "", "");
  for (const [i, service] of services.entries()) {
    const { code, message } = await client.get(service);
    assertEquals([code, message], [
      "unavailable",
      "over half of the containers lost their IPs",
    ]);
    assertEquals(streams[i]?.size, 0);
  }
  set("127.8.0.1", "127.8.0.2", "");
  for (const stream of streams) {
    assertStringIncludes(JSON.stringify(await reply(stream)), "127.8.0.2");
    stream[Symbol.dispose]();
  }
  // A stream that starts meanwhile waits.
  set("");
  using waiting = client.watch("WebrouterWebprocs");
  await eventually(
    "it is there",
    () => lainlet.lainlet.limits.listeners === 1 || undefined,
  );
  set("127.8.0.9");
  assertStringIncludes(JSON.stringify(await reply(waiting)), "127.8.0.9");
});

Deno.test("gRPC: before the first read a call is unavailable, and a stream waits", async () => {
  const store = new MemoryStore();
  await using lainlet = new TestLainlet(store);
  await using client = await RpcClient.open(lainlet.rpcPort);
  assertEquals(await client.get("Config"), {
    code: "unavailable",
    message: "the store has not been read yet",
  });
  using stream = client.watch("Config");
  await eventually(
    "it is there",
    () => lainlet.lainlet.limits.listeners === 1 || undefined,
  );
  store.put("/lain/config/domain", "x");
  assertEquals(await reply(stream), { Data: { domain: "x" } });
});

Deno.test("gRPC: a stream ends when its caller loses the right to it", async () => {
  const store = golden();
  await using lainlet = await new TestLainlet(store).ready();
  // A container of a super app.
  await using client = await RpcClient.open(lainlet.rpcPort, "127.20.0.2");
  using config = client.watch("Config", { Target: "ssl" });
  using apps = client.watch("Apps");
  await reply(config);
  await reply(apps);
  for (const key of Object.keys(cluster)) {
    if (key.startsWith("/lain/config/super_apps/")) store.delete(key);
  }
  for (const stream of [config, apps]) {
    const { code, message } = await end(stream);
    assertEquals([code, message], [
      "permission_denied",
      "authorize failed, super required",
    ]);
  }
  await eventually(
    "nobody listens",
    () => lainlet.lainlet.limits.listeners === 0 || undefined,
  );
});

Deno.test("gRPC: callers that are not super get no secret in any response", async () => {
  await using lainlet = await new TestLainlet(golden()).ready();
  await using client = await RpcClient.open(lainlet.rpcPort, "127.99.0.1");
  using stream = client.watch("Config", { Target: "s" });
  assertEquals(await reply(stream), { Data: {} });
  const { reply: domain } = await client.get("Config", { Target: "d" });
  assertEquals(domain, { Data: { domain: "lain.local" } });
});

Deno.test("gRPC: numbers out of range are the nearest, and any name is kept", async () => {
  const store = golden();
  const spec = {
    app: "shop",
    proc: "web.web",
    instances: [{ node: { name: "n", ip: "192.0.2.1" }, ip: "127.8.0.1" }],
  };
  const value = JSON.parse(groupValue(spec));
  value.Spec.Pod.Containers[0].MemoryLimit = 7;
  value.Spec.Pod.Containers[0].CpuLimit = 3_000_000_000;
  value.Spec.Pod.Containers[0].Expose = -3_000_000_000;
  const text = JSON.stringify(value)
    .replace('"MemoryLimit":7', '"MemoryLimit":99999999999999999999');
  store.put(groupKey(spec), text);
  store.put("/lain/config/__proto__", "\ud800 例子");
  store.put(
    "/lain/nodes/nodes/n:192.0.2.1:22",
    '{"a": {"b": "c"}, "d": {"e": 1}, "f": [1.0, 12345678901234567890], "g": null, "h": {}}',
  );
  await using lainlet = await new TestLainlet(store).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  const { reply } = await client.get("Coreinfo", { Appname: "shop" });
  const found = JSON.stringify(reply);
  assertStringIncludes(found, '"Memory":"9223372036854775807"');
  assertStringIncludes(found, '"Cpu":2147483647');
  assertStringIncludes(found, '"Expose":-2147483648');
  const config = await client.get("Config", { Target: "__proto__" });
  assertEquals(
    JSON.stringify(config.reply),
    '{"Data":{"__proto__":"\ufffd 例子"}}',
  );
  const nodes = await client.get("Nodes", { Name: "n" });
  assertEquals(nodes.reply, {
    Data: {
      "n:192.0.2.1:22": {
        v: {
          a: { Vtype: "MAP", sval: "", mval: { b: "c" } },
          d: { Vtype: "STRING", sval: '{"e":1}', mval: {} },
          f: { Vtype: "STRING", sval: "[1.0,12345678901234567890]", mval: {} },
          g: { Vtype: "STRING", sval: "null", mval: {} },
          h: { Vtype: "MAP", sval: "", mval: {} },
        },
      },
    },
  });
});

Deno.test("gRPC: a number that is too large is the largest, in every field of 32 bits", async () => {
  const huge = 3_000_000_000;
  const node = { name: "node1", ip: "192.168.77.21" };
  const spec = {
    app: "shop",
    proc: "web.web",
    port: huge,
    cpu: huge,
    annotation: { ports: [{ srcport: huge, dstport: huge }] },
    services: ["mysql"],
    instances: [{ node, ip: "127.8.0.1" }],
  };
  const value = JSON.parse(groupValue(spec));
  value.Pods[0].InstanceNo = huge;
  value.Spec.Pod.Dependencies[0].Policy = huge;
  const store = new MemoryStore([
    [groupKey(spec), JSON.stringify(value)],
    [dependsKey("mysql"), dependsValue(node, "shop", "127.8.0.9", huge)],
  ]);
  await using lainlet = await new TestLainlet(store).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  const textual = ["Apps", "Config", "Nodes"];
  for (const service of WATCHED.filter((name) => !textual.includes(name))) {
    const { message, reply } = await client.get(service, REQUEST[service]);
    const numbers = new Set<number>();
    JSON.parse(JSON.stringify(reply ?? message), (_key, value) => {
      if (typeof value === "number") numbers.add(value);
    });
    assertEquals([service, ...numbers], [service, 2_147_483_647], message);
  }
});

Deno.test("Lainlet: the version, and what /debug says", async () => {
  await using lainlet = await new TestLainlet(golden()).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  const version = await client.call(Lainlet.method.version);
  assertEquals(version.reply, {
    Version: (await get(`${lainlet.url}/version`)).body,
    APIVersion: "2.4",
  });
  using stream = client.watch("Config");
  await reply(stream);
  const { reply: status } = await client.call(Lainlet.method.status);
  const debug = JSON.parse((await get(`${lainlet.url}/debug`)).body);
  assertEquals(status?.Goroutines, 1);
  assertEquals(debug.goroutines, 1);
  const watchers = status?.Status;
  assert(typeof watchers === "object" && watchers !== null);
  assertEquals(
    Object.keys(watchers).sort(),
    Object.keys(debug.watchers).sort(),
  );
  const { LastEvent, NumReceivers, UpdateTime, TotalKeys } =
    Object(watchers).config;
  const { config } = debug.watchers;
  assertEquals(JSON.parse(atob(LastEvent)), config.LastEvent);
  assertEquals([NumReceivers, TotalKeys], [1, config.TotalKeys]);
  assertEquals(
    Number(UpdateTime),
    Math.floor(Date.parse(config.UpdateTime) / 1000),
  );
});
