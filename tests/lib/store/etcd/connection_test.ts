/**
 * What etcd is reached by: endpoints, TLS, logins.
 *
 * @module
 */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Http2Server } from "../../../../lib/http2/server.ts";
import { EtcdConnection } from "../../../../lib/store/etcd/connection.ts";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Range } from "etcd3";
import { makeCertificates, readTls } from "../../../util/certificates.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { eventually, freePort } from "../../../util/process.ts";
import { Proxy } from "../../../util/proxy.ts";
import { viaProxy } from "./proxied.ts";

Deno.test("etcd: all watches share one connection", async () => {
  await using etcd = await TestEtcd.start();
  // Where there is nothing, the other key space is looked at, too.
  await etcd.write({ "/a/0": "x" });
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  await using a = new Collector(store, "/a/");
  await using b = new Collector(store, "/b/");
  await Promise.all([a.count(1), b.count(1)]);
  await etcd.write({ "/a/1": "x", "/b/1": "x" });
  await Promise.all([a.count(2), b.count(2)]);
  assertEquals(proxy.connections, 1);
});

Deno.test("etcd: finds the endpoint that works", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/a/1": "x" });
  const store = new EtcdStore([
    `http://127.0.0.1:${freePort()}`,
    etcd.endpoint,
    `http://127.0.0.1:${freePort()}`,
  ]);
  await using all = new Collector(store, "/a/");
  await all.count(1);
  await eventually(
    "the status names it",
    () => store.status.source === etcd.endpoint ? true : undefined,
  );
});

Deno.test("etcd: TLS with a CA and a client certificate", async () => {
  await using tls = await makeCertificates();
  await using etcd = await TestEtcd.start({ tls });
  await etcd.write({ "/a/1": "x" });
  const store = new EtcdStore([etcd.endpoint], { tls: readTls(tls) });
  await using all = new Collector(store, "/a/");
  await all.count(1);
  await etcd.write({ "/a/1": "y" });
  await all.count(2);
});

Deno.test("etcd: a login, with a right to one subtree only", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/a/1": "x", "/b/1": "x" });
  const { client } = etcd;
  const reader = await client.role("reader").create();
  await reader.grant({
    permission: "Read",
    range: Range.prefix("/a/"),
  });
  await (await client.user("lainlet").create("secret")).addRole("reader");
  await (await client.user("root").create("root")).addRole("root");
  await client.auth.authEnable();
  await using proxy = new Proxy(etcd.endpoint);
  const store = new EtcdStore([proxy.url], {
    auth: { username: "lainlet", password: "secret" },
  });
  await using refused = new Collector(store, "/b/");
  await using allowed = new Collector(store, "/a/");
  await allowed.count(1);
  const before = performance.now();
  const { accepted } = proxy;
  const problem = await eventually(
    "the refusal is told",
    () => store.status.problems.find((text) => text.startsWith("/b/")),
  );
  assertStringIncludes(problem, "etcdserver: permission denied");
  assertEquals(refused.items, []);
  await eventually(
    "etcd was checked twice",
    () => {
      const since = performance.now() - before;
      return since > 9_000 && store.age("/a/") < 1_000 ? true : undefined;
    },
  );
  assertEquals(proxy.accepted, accepted, "connected anew");
  const wrong = new EtcdStore([etcd.endpoint], {
    auth: { username: "lainlet", password: "not it" },
  });
  await using nothing = new Collector(wrong, "/a/");
  const reason = await eventually(
    "the failed login is told",
    () => wrong.status.problems.find((text) => text.includes("password")),
  );
  assertEquals(reason.includes("not it"), false);
  assertEquals(nothing.items, []);
});

Deno.test("etcd: a connection retries no failed call", async () => {
  let calls = 0;
  const server = new Http2Server(
    { hostname: "127.0.0.1", port: 0 },
    (stream) => {
      calls++;
      stream.respond([
        [":status", "200"],
        ["content-type", "application/grpc"],
        ["grpc-status", "14"],
        ["grpc-message", "no leader"],
      ], true);
      return { data() {}, end() {}, close() {} };
    },
  );
  const { port } = server.address;
  const connection = new EtcdConnection(`http://127.0.0.1:${port}`, {});
  // More than a circuit breaker takes.
  for (let i = 1; i <= 4; i++) {
    await assertRejects(
      () => connection.currentRevision("/a/"),
      Error,
      "no leader",
    );
    assertEquals(calls, i);
  }
  connection.close();
  await server.close();
});
