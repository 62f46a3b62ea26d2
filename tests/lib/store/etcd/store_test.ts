import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Range } from "etcd3";
import { makeCertificates, readTls } from "../../../util/certificates.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { FrameFilter, hasEvents } from "../../../util/http2.ts";
import { told } from "../../../util/items.ts";
import { eventually, freePort } from "../../../util/process.ts";
import { Proxy } from "../../../util/proxy.ts";
import { testConformance } from "../conformance.ts";

testConformance("etcd", async () => {
  const etcd = await TestEtcd.start();
  return {
    store: new EtcdStore([etcd.endpoint]),
    write: async (changes) => {
      await etcd.write(changes);
    },
    clear: () => etcd.clear(),
    [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose](),
  };
});

function viaProxy(
  etcd: TestEtcd,
  checkEvery?: number,
): { proxy: Proxy; store: EtcdStore } {
  const proxy = new Proxy(etcd.endpoint);
  return { proxy, store: new EtcdStore([proxy.url], { checkEvery }) };
}

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

Deno.test("etcd: a large subtree is read page by page, at one revision", async () => {
  await using etcd = await TestEtcd.start();
  const value = "x".repeat(9_000);
  for (let page = 0; page < 12; page++) {
    await etcd.write(Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`/a/${page * 60 + i}`, value]),
    ));
  }
  let isWriting = true;
  const writing = (async () => {
    for (let i = 0; isWriting; i++) {
      await etcd.write({ "/a/0": `${i}`, "/a/999": `${i}` });
    }
  })();
  const store = new EtcdStore([etcd.endpoint]);
  await using all = new Collector(store, "/a/");
  await all.count(2);
  isWriting = false;
  await writing;
  const [snapshot, batch] = all.items;
  if (snapshot?.type !== "snapshot") throw new Error("no snapshot");
  // 6 MB, more than gRPC takes in one message by default.
  assertEquals(snapshot.entries.length >= 720, true);
  const written = new Map(
    snapshot.entries.map((e) => [e.key, new TextDecoder().decode(e.value)]),
  );
  if (written.has("/a/999")) {
    assertEquals(written.get("/a/0"), written.get("/a/999"));
  }
  assertEquals(batch?.revision, snapshot.revision + 1);
});

Deno.test("etcd: after a cut, batches go on after the last revision", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  await using all = new Collector(store, "/a/");
  await all.count(1);
  await etcd.write({ "/a/1": "x" });
  await all.count(2);
  proxy.fault = "cut";
  for (let i = 0; i < 5; i++) {
    await etcd.write({ "/a/1": `${i}`, [`/a/n${i}`]: "x" });
  }
  proxy.fault = "none";
  await all.count(7);
  const [first = 0] = all.revisions;
  assertEquals(all.revisions, [0, 1, 2, 3, 4, 5, 6].map((i) => first + i));
  assertEquals(all.items.slice(1).every(({ type }) => type === "batch"), true);
});

Deno.test("etcd: a revision that etcd splits over fragments is one batch", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  await using all = new Collector(store, "/a/");
  await all.count(1);
  proxy.fault = "cut";
  // One response after the cut; a fragment of it takes 2 MB, 20 of these keys.
  const value = "x".repeat(100_000);
  const keys = Array.from({ length: 9 }, (_, i) => `/a/${i}`);
  for (let i = 0; i < 10; i++) {
    await etcd.write(Object.fromEntries(keys.map((key) => [key, value + i])));
  }
  proxy.fault = "none";
  await all.count(11);
  const batches = all.items.slice(1);
  assertEquals(new Set(all.revisions).size, 11);
  for (const batch of batches) {
    assertEquals(
      batch.type === "batch" && batch.changes.map(({ key }) => key),
      keys,
    );
  }
});

Deno.test("etcd: when the connection is lost amid the pages of a snapshot, another one follows", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  const value = "x".repeat(5_000);
  const keys = Array.from({ length: 120 }, (_, i) => `/a/${100 + i}`);
  await etcd.load(Object.fromEntries(keys.map((key) => [key, value])));
  const abort = new AbortController();
  const items = store.watch("/a/", abort.signal).getReader();
  const { value: cut } = await items.read();
  assert(cut?.type === "snapshot");
  await assertRejects(async () => {
    for await (const _ of cut.pages) proxy.fault = "cut";
  }, Error);
  proxy.fault = "none";
  const { value: next } = await items.read();
  assert(next?.type === "snapshot");
  const whole = await told(next);
  assert(whole.type === "snapshot");
  assertEquals(whole.entries.map(({ key }) => key), keys);
  await etcd.write({ "/a/100": null });
  const { value: batch } = await items.read();
  assertEquals([batch?.type, batch?.revision], ["batch", whole.revision + 1]);
  abort.abort();
});

Deno.test("etcd: when history is compacted away, a snapshot follows", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  await etcd.write({ "/a/1": "x", "/a/2": "x" });
  await using all = new Collector(store, "/a/");
  await all.count(1);
  proxy.fault = "cut";
  await etcd.write({ "/a/1": null, "/a/3": "y" });
  const revision = await etcd.write({ "/b/1": "x" });
  await etcd.client.kv.compact({ revision: String(revision), physical: true });
  proxy.fault = "none";
  await all.count(2);
  const last = all.items.at(-1);
  assertEquals(
    last?.type === "snapshot" && last.entries.map(({ key }) => key),
    ["/a/2", "/a/3"],
  );
  await etcd.write({ "/a/4": "z" });
  await all.count(3);
  assertEquals(all.items.at(-1)?.type, "batch");
});

Deno.test("etcd: a restart is survived, and writes before it are not repeated", async () => {
  await using etcd = await TestEtcd.start();
  const store = new EtcdStore([etcd.endpoint]);
  await using all = new Collector(store, "/a/");
  await all.count(1);
  await etcd.write({ "/a/1": "x" });
  await all.count(2);
  await etcd.kill();
  await eventually(
    "the loss is noticed",
    () => store.status.problems.length > 0 ? true : undefined,
  );
  await etcd.launch();
  await etcd.write({ "/a/2": "x" });
  await all.count(3);
  assertEquals(all.items.map(({ type }) => type), [
    "snapshot",
    "batch",
    "batch",
  ]);
  await eventually(
    "the status is good again",
    () => store.status.problems.length === 0 ? true : undefined,
  );
});

Deno.test("etcd: a restart costs a fleet five small reads each, whatever the state's size", async () => {
  await using etcd = await TestEtcd.start();
  const value = "x".repeat(7_000);
  const prefixes = ["/a/", "/b/", "/c/", "/d/"];
  for (const prefix of prefixes) {
    for (let i = 0; i < 100; i++) await etcd.write({ [prefix + i]: value });
  }
  await using stack = new AsyncDisposableStack();
  const stores = Array.from(
    { length: 20 },
    () => new EtcdStore([etcd.endpoint]),
  );
  const collectors = stores.flatMap((store) =>
    prefixes.map((prefix) => stack.use(new Collector(store, prefix)))
  );
  await Promise.all(collectors.map((one) => one.count(1)));
  const loaded = await etcd.metric("etcd_network_client_grpc_sent_bytes_total");
  await etcd.kill();
  await etcd.launch();
  await etcd.write({ "/a/0": "1", "/b/0": "1", "/c/0": "1", "/d/0": "1" });
  await Promise.all(collectors.map((one) => one.count(2)));
  // These are counted from the restart on.
  const reads = await etcd.metric(
    "grpc_server_handled_total",
    'grpc_method="Range"',
  );
  const sent = await etcd.metric("etcd_network_client_grpc_sent_bytes_total");
  assertEquals(loaded > 20 * 4 * 700_000, true, `${loaded} bytes at first`);
  // One for the connection and one for each watch, and at most two checks.
  assertEquals(reads >= 20 * 5 && reads <= 20 * 7, true, `${reads} reads`);
  assertEquals(sent < 20 * 4 * 10_000, true, `${sent} bytes for the restart`);
  for (const { items } of collectors) {
    assertEquals(items.map(({ type }) => type), ["snapshot", "batch"]);
  }
});

Deno.test("etcd: a quiet subtree is not read again because its last change was compacted", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/a/1": "x" });
  const { proxy, store } = viaProxy(etcd, 200);
  await using _proxy = proxy;
  await using all = new Collector(store, "/a/");
  await all.count(1);
  for (let i = 0; i < 10; i++) await etcd.write({ "/b/1": `${i}` });
  const written = performance.now();
  await eventually("that was checked", () => {
    const since = performance.now() - written;
    return store.age("/a/") < since - 10 || undefined;
  });
  await etcd.compact();
  proxy.fault = "cut";
  await eventually(
    "the cut is noticed",
    () => store.status.problems.length > 0 || undefined,
  );
  proxy.fault = "none";
  await etcd.write({ "/a/2": "y" });
  await all.count(2);
  assertEquals(all.items.map(({ type }) => type), ["snapshot", "batch"]);
});

Deno.test("etcd: a removal that is compacted at its own revision is not missed", async () => {
  await using etcd = await TestEtcd.start();
  const prefix = "/lain/config/";
  await etcd.write({ "/lain/config/a": "1", "/lain/config/b": "1" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 100 });
  await using config = new Collector(store, prefix);
  await config.count(1);
  /** Waits for a check that began after now. */
  const proven = () => {
    const now = performance.now();
    return eventually(
      "a check is done",
      () => performance.now() - store.age(prefix) > now || undefined,
    );
  };
  // Only removals, and one beside a put: etcd cannot replay those any more.
  for (const [i, b] of [null, "2"].entries()) {
    await etcd.write({ "/lain/config/a": "1" });
    const revision = await etcd.write({
      "/lain/config/b": b,
      "/lain/config/a": null,
    });
    await config.count(3 + 2 * i);
    await proven();
    await etcd.client.kv.compact({
      revision: String(revision),
      physical: true,
    });
    await etcd.write({ "/other": "x" });
    await proven();
    assertEquals([store.status.missed, store.status.reconnects], [0, 0]);
  }
});

Deno.test("etcd: a member that stops serving has not made a watch miss anything", async () => {
  await using etcd = await TestEtcd.start();
  const { proxy, store } = viaProxy(etcd, 100);
  await using _ = proxy;
  let isDeaf = false;
  proxy.editing(() => {
    const isOld = !isDeaf;
    const filter = new FrameFilter((message) =>
      !isDeaf || !isOld || !hasEvents(message)
    );
    return (bytes) => filter.filter(bytes);
  });
  await using config = new Collector(store, "/lain/config/");
  await config.count(1);
  await etcd.write({ "/lain/config/a": "1" });
  await config.count(2);
  isDeaf = true;
  // A check is due: what it asks for again never comes.
  await etcd.write({ "/other": "x" });
  await eventually(
    "another connection is made",
    () => store.status.reconnects > 0 || undefined,
  );
  await etcd.write({ "/lain/config/a": "2" });
  await config.count(3);
  assertEquals(config.items.map(({ type }) => type), [
    "snapshot",
    "batch",
    "batch",
  ]);
  assertEquals(store.status.missed, 0);
});

Deno.test("etcd: an inventory names every key and the revision that wrote it", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "1" });
  const revision = await etcd.write({ "/lain/config/b": "1", "/other": "x" });
  const options = { checkEvery: 100, verifyEvery: 200 };
  const store = new EtcdStore([etcd.endpoint], options);
  await using config = new Collector(store, "/lain/config/");
  await config.count(2);
  const [snapshot, inventory] = config.items;
  assertEquals(snapshot?.type, "snapshot");
  assertEquals(inventory, {
    type: "inventory",
    revision,
    keys: new Map([
      ["/lain/config/a", revision - 1],
      ["/lain/config/b", revision],
    ]),
    unsettled: new Set<string>(),
  });
});

Deno.test("etcd: a change that a watch loses is found, and all is read anew", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "1" });
  const { proxy, store } = viaProxy(etcd, 100);
  await using _ = proxy;
  let isLosing = false;
  proxy.editing(() => {
    const filter = new FrameFilter((message) => {
      if (!isLosing || !hasEvents(message)) return true;
      isLosing = false;
      return false;
    });
    return (bytes) => filter.filter(bytes);
  });
  await using config = new Collector(store, "/lain/config/");
  await config.count(1);
  isLosing = true;
  const revision = await etcd.write({ "/lain/config/a": "lost" });
  await config.count(2);
  assertEquals(config.items.map(({ type, revision }) => [type, revision]), [
    ["snapshot", revision - 1],
    ["snapshot", revision],
  ]);
  assertEquals(store.status.missed, 1);
});

Deno.test("etcd: after a restored backup all is read anew", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "1" });
  const file = await Deno.makeTempFile();
  await etcd.save(file);
  await etcd.write({ "/lain/config/a": "2" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 100 });
  await using config = new Collector(store, "/lain/config/");
  await config.count(1);
  await etcd.restore(file);
  await config.count(2);
  const last = config.items.at(-1);
  const values = last?.type === "snapshot"
    ? last.entries.map(({ value }) => new TextDecoder().decode(value))
    : [];
  assertEquals(values, ["1"]);
  await Deno.remove(file);
});

Deno.test("etcd: a watch can end while etcd is away", async () => {
  await using etcd = await TestEtcd.start();
  const store = new EtcdStore([etcd.endpoint]);
  await using stays = new Collector(store, "/b/");
  {
    await using all = new Collector(store, "/a/");
    await Promise.all([all.count(1), stays.count(1)]);
    await etcd.kill();
    await eventually(
      "the loss is noticed",
      () => store.status.problems.length > 0 ? true : undefined,
    );
  }
  await etcd.launch();
  await etcd.write({ "/a/1": "x", "/b/1": "x" });
  await stays.count(2);
});

Deno.test("etcd: of several endpoints one that works is found", async () => {
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
