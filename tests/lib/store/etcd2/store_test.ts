import { Buffer } from "node:buffer";
import { assertEquals, assertMatch } from "@std/assert";
import { Etcd2Store } from "../../../../lib/store/etcd2/store.ts";
import { makeCertificates, readTls } from "../../../util/certificates.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { endless, Hostile, type Play, says } from "../../../util/hostile.ts";
import { CapturedLog } from "../../../util/captured_log.ts";
import { eventually, freePort } from "../../../util/process.ts";
import { Proxy } from "../../../util/proxy.ts";
import { testConformance } from "../conformance.ts";

testConformance("etcd v2", async () => {
  const etcd = await TestEtcd.start({ store: "etcd2" });
  return {
    store: new Etcd2Store([etcd.endpoint]),
    lacks: ["transactions", "bytes", "a key in a key"],
    write: (changes) => etcd.write(changes),
    clear: () => etcd.clear(),
    [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose](),
  };
});

Deno.test("etcd v2: history that is overrun, in a quiet subtree and in a busy one", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  await etcd.write({ "/a/1": "x", "/b/1": "x" });
  await using proxy = new Proxy(etcd.endpoint);
  const store = new Etcd2Store([proxy.url], { checkEvery: 200 });
  await using quiet = new Collector(store, "/a/");
  await using busy = new Collector(store, "/b/");
  await Promise.all([quiet.count(1), busy.count(1)]);
  // While it is there, a quiet subtree's index is kept from falling out.
  for (let i = 0; i < 12; i++) {
    await etcd.load(Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`/other/${i}`, ""]),
    ));
    const now = performance.now();
    await eventually(
      "a check is done",
      () => performance.now() - store.age("/a/") > now || undefined,
    );
  }
  await etcd.write({ "/a/2": "y" });
  await quiet.holds({ "/a/1": "x", "/a/2": "y" });
  assertEquals(quiet.types, ["snapshot", "batch"]);
  // While it is away, nothing can keep it.
  proxy.fault = "cut";
  await etcd.write({ "/a/1": null });
  const expected: Record<string, string> = {};
  for (let i = 0; i < 1_100; i++) expected[`/b/${i}`] = `${i}`;
  await etcd.load(expected);
  proxy.fault = "none";
  await quiet.holds({ "/a/2": "y" });
  await busy.holds(expected);
  await etcd.write({ "/a/3": "z", "/b/0": "z" });
  await quiet.holds({ "/a/2": "y", "/a/3": "z" });
  await busy.holds({ ...expected, "/b/0": "z" });
  assertEquals(store.status.missed, 0);
});

Deno.test("etcd v2: directories and keys are removed, expire, are refreshed, or are hidden", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  const { v2 } = etcd;
  await etcd.write({ "/x/a/1": "1", "/x/a/b/1": "1", "/x/a/b/2": "1" });
  const options = { checkEvery: 100, verifyEvery: 200 };
  const store = new Etcd2Store([etcd.endpoint], options);
  await using all = new Collector(store, "/x/a/");
  await all.count(1);
  await v2.remove("/x/a/b");
  await all.holds({ "/x/a/1": "1" });
  await v2.put("/x/a/_hidden", { value: "1" });
  await v2.put("/x/a/t", { value: "1", ttl: "100" });
  await v2.put("/x/a/t", { ttl: "100", refresh: "true", prevExist: "true" });
  await v2.put("/x/a/d", { dir: "true", ttl: "100" });
  await v2.put("/x/a/d/1", { value: "1" });
  await v2.put("/x/a/d", { dir: "true", ttl: "2", prevExist: "true" });
  await v2.put("/x/a/k", { value: "1", ttl: "1" });
  await v2.put("/x/a/c", { value: "1" });
  await v2.put("/x/a/c", { value: "2", prevValue: "1" });
  await all.holds({
    "/x/a/1": "1",
    "/x/a/t": "1",
    "/x/a/d/1": "1",
    "/x/a/k": "1",
    "/x/a/c": "2",
  });
  await all.holds({ "/x/a/1": "1", "/x/a/t": "1", "/x/a/c": "2" });
  // What is compared is what was delivered, though the refresh made no event.
  const inventory = await eventually(
    "all is compared",
    () =>
      all.items.findLast(({ type, revision }) =>
        type === "inventory" && revision >= store.status.revision
      ),
  );
  if (inventory.type !== "inventory") throw new Error("no inventory");
  const written = all.items.findLast((item) =>
    item.type === "batch" && item.changes.some(({ key }) => key === "/x/a/t")
  );
  assertEquals(inventory.keys.get("/x/a/t"), written?.revision);
  await v2.remove("/x");
  await all.holds({});
  await etcd.write({ "/x/a/1": "2" });
  await all.holds({ "/x/a/1": "2" });
  assertEquals(all.types.filter((type) => type === "snapshot").length, 1);
});

Deno.test("etcd v2: after a cut or a restart, batches continue after the last one", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  await using proxy = new Proxy(etcd.endpoint);
  const store = new Etcd2Store([proxy.url]);
  await using all = new Collector(store, "/a/");
  await all.count(1);
  await etcd.write({ "/a/1": "x" });
  await all.count(2);
  proxy.fault = "cut";
  for (let i = 0; i < 5; i++) await etcd.write({ "/a/1": `${i}` });
  await etcd.kill();
  await etcd.launch();
  await etcd.write({ "/a/2": "x" });
  proxy.fault = "none";
  await all.count(8);
  assertEquals(all.held, { "/a/1": "4", "/a/2": "x" });
  assertEquals(all.items.length, 8);
  assertEquals(all.types.slice(1).every((type) => type === "batch"), true);
});

Deno.test("etcd v2: an older copy of the data is another history, however much is written to it", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  await etcd.write({ "/a/1": "old" });
  const folder = await Deno.makeTempDir();
  await etcd.copy(folder);
  await using proxy = new Proxy(etcd.endpoint);
  const store = new Etcd2Store([proxy.url], { checkEvery: 200 });
  await using all = new Collector(store, "/a/");
  await all.count(1);
  /** What is written while nothing is heard: little, much, more than etcd remembers. */
  const writes = [
    () => Promise.resolve(0),
    async () => {
      for (let i = 0; i < 50; i++) await etcd.write({ "/b/1": "x" });
    },
    () => etcd.v2.forget(),
  ];
  for (const write of writes) {
    for (let i = 0; i < 20; i++) await etcd.write({ "/a/2": `${i}` });
    await all.holds({ "/a/1": "old", "/a/2": "19" });
    proxy.fault = "cut";
    await etcd.goBack(folder);
    await write();
    proxy.fault = "none";
    await all.holds({ "/a/1": "old" });
    // And it is followed there.
    await etcd.write({ "/a/2": "new" });
    await all.holds({ "/a/1": "old", "/a/2": "new" });
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("etcd v2: an older copy with another index only is another history", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  await etcd.write({ "/a/1": "x" });
  const folder = await Deno.makeTempDir();
  await etcd.copy(folder);
  const store = new Etcd2Store([etcd.endpoint], { checkEvery: 100 });
  await using all = new Collector(store, "/a/");
  await all.count(1);
  const index = await etcd.write({ "/b/1": "1", "/b/2": "2", "/b/3": "3" });
  await eventually(
    "that is known to have brought nothing",
    () => store.status.revision >= index || undefined,
  );
  await etcd.goBack(folder);
  await etcd.write({ "/a/2": "y" });
  await all.holds({ "/a/1": "x", "/a/2": "y" });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("etcd v2: a lost change is polled for again, and counted", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  await etcd.write({ "/a/1": "1" });
  await using proxy = new Proxy(etcd.endpoint);
  let isLosing = false;
  proxy.editing(() => (bytes) => {
    const isEvent = new TextDecoder().decode(bytes).includes('"action":"set"');
    if (!isLosing || !isEvent) return bytes;
    isLosing = false;
    return new Uint8Array();
  });
  const store = new Etcd2Store([proxy.url], { checkEvery: 100 });
  await using all = new Collector(store, "/a/");
  await all.count(1);
  const now = performance.now();
  // An event in the piece that has the headers of its poll, too, would be another fault.
  await eventually(
    "a poll waits",
    () => performance.now() - store.age("/a/") > now || undefined,
  );
  isLosing = true;
  await etcd.write({ "/a/1": "lost", "/a/2": "next" });
  await all.holds({ "/a/1": "lost", "/a/2": "next" });
  assertEquals(all.types, ["snapshot", "batch", "batch"]);
  assertEquals([store.status.missed, store.status.reconnects], [1, 0]);
});

Deno.test("etcd v2: an inventory shows a change that was falsified", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  await using proxy = new Proxy(etcd.endpoint);
  let isDone = false;
  proxy.editing(() => (bytes) => {
    const copy = Buffer.from(bytes);
    const at = isDone ? -1 : copy.indexOf("/a/new1");
    if (at === -1) return bytes;
    isDone = true;
    copy.write("/a/new2", at);
    return copy;
  });
  const options = { checkEvery: 100, verifyEvery: 500 };
  const store = new Etcd2Store([proxy.url], options);
  await using all = new Collector(store, "/a/");
  await all.count(1);
  const index = await etcd.write({ "/a/new1": "x" });
  await all.holds({ "/a/new2": "x" });
  const inventory = await eventually(
    "all is compared",
    () =>
      all.items.findLast(({ type, revision }) =>
        type === "inventory" && revision >= index
      ),
  );
  if (inventory.type !== "inventory") throw new Error("no inventory");
  assertEquals(inventory.keys, new Map([["/a/new1", index]]));
});

Deno.test("etcd v2: finds the endpoint that works", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  await using without = await TestEtcd.start();
  await etcd.write({ "/a/1": "x" });
  const store = new Etcd2Store([
    `http://127.0.0.1:${freePort()}`,
    without.endpoint,
    etcd.endpoint,
  ]);
  await using all = new Collector(store, "/a/");
  await all.holds({ "/a/1": "x" });
  assertEquals(store.status.source, etcd.endpoint);
  const none = new Etcd2Store([without.endpoint]);
  await using _nothing = new Collector(none, "/a/");
  await eventually("it says so", () => none.status.problems[0]);
  assertEquals(none.status.problems, ["etcd does not serve its v2 key space"]);
});

Deno.test("etcd v2: TLS with a CA and a client certificate, and a login", async () => {
  await using tls = await makeCertificates();
  await using etcd = await TestEtcd.start({ tls, store: "etcd2" });
  await etcd.write({ "/a/1": "x", "/b/1": "x" });
  const { grant } = await etcd.authenticate(["/a/"]);
  const open = (password: string) =>
    new Etcd2Store([etcd.endpoint], {
      tls: readTls(tls),
      auth: { username: "lainlet", password },
    });
  const store = open("secret");
  await using refused = new Collector(store, "/b/");
  await using allowed = new Collector(store, "/a/");
  await allowed.holds({ "/a/1": "x" });
  const problem = await eventually(
    "the refusal is told",
    () => store.status.problems.find((text) => text.includes("/b/")),
  );
  assertMatch(
    problem,
    /^\/b\/: etcd refuses .+ does not let it read this \(.+\)$/,
  );
  assertEquals(refused.items, []);
  await etcd.write({ "/a/1": "y" });
  await allowed.holds({ "/a/1": "y" });
  await grant("/b/");
  await refused.holds({ "/b/1": "x" });
  await eventually(
    "nothing is wrong",
    () => store.status.problems.length === 0 || undefined,
  );
  assertEquals(store.status.reconnects, 0);
  const wrong = open("not it");
  await using nothing = new Collector(wrong, "/a/");
  const reason = await eventually(
    "the failed login is told",
    () => wrong.status.problems[0],
  );
  assertMatch(reason, /^etcd refuses the login in --etcd.user/);
  assertEquals(reason.includes("not it"), false);
  assertEquals(nothing.items, []);
});

Deno.test("etcd v2: a login is ignored while authentication is off, and used when it is on", async () => {
  using logged = new CapturedLog();
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  const store = new Etcd2Store([etcd.endpoint], {
    checkEvery: 200,
    auth: { username: "lainlet", password: "secret" },
  });
  await using all = new Collector(store, "/a/");
  const follows = async (value: string) => {
    await etcd.write({ "/a/1": value });
    await all.holds({ "/a/1": value });
    const now = performance.now();
    await eventually(
      "a check is done",
      () => performance.now() - store.age("/a/") > now || undefined,
    );
  };
  await follows("off");
  await etcd.authenticate(["/a/"]);
  await follows("on");
  await etcd.switchAuthentication(false);
  await follows("off again");
  await etcd.switchAuthentication(true);
  await follows("on again");
  assertEquals(logged.about(/^(warning|error)/), []);
  assertEquals([store.status.reconnects, store.status.missed], [0, 0]);
});

const HEAD = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 5\r\nX-Etcd-Cluster-Id: 1\r\n";
const LIST = '{"node":{"key":"/a","dir":true,"nodes":[';
const NODE = '{"key":"/a/1","value":"","modifiedIndex":1},';

/** A server that answers everything, and polls in its own way. */
const polls = (poll: Play): Play => (conn, path) =>
  path.includes("wait=true")
    ? poll(conn, path)
    : says(`${HEAD}Connection: close\r\n\r\n`, `${LIST}]}}`)(conn, path);

/** What is no etcd, and what is said of it. */
const HOSTILE: Record<string, [play: Play, problem: RegExp]> = {
  "a redirect": [
    says("HTTP/1.1 307 \r\nLocation: http://elsewhere/\r\n\r\n"),
    /^it redirects to http:\/\/elsewhere\/$/,
  ],
  "a page": [
    says("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>"),
    /^the response is not from etcd's v2 key space$/,
  ],
  "another's answer": [
    says("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", `${LIST}]}}`),
    /^the response is not from etcd's v2 key space$/,
  ],
  "an answer that ends": [
    says(`${HEAD}Connection: close\r\n\r\n`, LIST, NODE),
    /^etcd's response is cut off$/,
  ],
  "headers without end": [
    endless("HTTP/1.1 200 OK\r\n", "X-Header: x\r\n"),
    /./,
  ],
  "promises without end": [
    endless("", "HTTP/1.1 100 Continue\r\n\r\n", 200),
    /./,
  ],
  "a value without end": [
    endless(`${HEAD}\r\n`, 'x{"value":"' + "x".repeat(100_000)),
    /^etcd's response is too long$/,
  ],
  "a list without end": [
    endless(`${HEAD}\r\n${LIST}`, NODE),
    /^etcd's response is too long$/,
  ],
  "a word": [
    polls(says(`${HEAD}Connection: close\r\n\r\n`, "word")),
    /^etcd's response is no event$/,
  ],
  "an old event": [
    polls(says(
      `${HEAD}Connection: close\r\n\r\n`,
      '{"action":"set","node":{"key":"/a/1","value":"","modifiedIndex":4}}',
    )),
    /^etcd's response is an event that was not asked for$/,
  ],
};

Deno.test("etcd v2: any other server is reported in one line, and tried again", async (t) => {
  // One after the other: what has no end would keep the others busy.
  for (const [name, [play, expected]] of Object.entries(HOSTILE)) {
    await t.step(name, async () => {
      await using server = new Hostile(play);
      const store = new Etcd2Store([`http://${server.addr}`]);
      await using _all = new Collector(store, "/a/");
      const problem = await eventually(
        "it is told",
        () => store.status.problems[0],
        // What has no end is read up to 256 MB.
        60_000,
      );
      assertMatch(problem, expected);
      const { accepted } = server;
      await eventually(
        "it is tried again",
        () => server.accepted > accepted || undefined,
      );
    });
  }
});

Deno.test("etcd v2: an endpoint may be an IPv6 address", async () => {
  await using server = Deno.serve({
    hostname: "::1",
    port: 0,
    onListen: () => {},
    handler: () =>
      new Response(`${LIST}${NODE.slice(0, -1)}]}}`, {
        headers: { "X-Etcd-Index": "5" },
      }),
  });
  const store = new Etcd2Store([`http://[::1]:${server.addr.port}`]);
  await using all = new Collector(store, "/a/");
  await all.holds({ "/a/1": "" });
});
