import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { get } from "../../util/client.ts";
import { Frames } from "../../util/frames.ts";
import { TestLainlet } from "../../util/lainlet.ts";

const KEYS = { a: "/lain/config/a", b: "/lain/config/b" };

const content = (): [string, string][] => [
  ...Array.from({ length: 50 }, (_, i): [string, string] => [
    `/lain/config/key${i}`,
    "x".repeat(20),
  ]),
  [KEYS.a, "1"],
  ["/lain/nodes/nodes/n:10.0.0.1:22", "{}"],
];

const path = "/v2/configwatcher?patch=merge";

Deno.test("resume: frames are named as GETs are, and who comes back gets what it missed", async () => {
  const store = new MemoryStore(content());
  await using server = await new TestLainlet(store).ready();
  const url = server.url + path;
  const tags: string[] = [];
  await using first = await Frames.open(url);
  for (const value of ["1", "2", "3"]) {
    if (value !== "1") store.put(KEYS.a, value);
    const frame = await first.frame();
    assertEquals(frame.event, value === "1" ? "init" : "patch");
    assertEquals(frame.revision, store.status.revision);
    const { headers } = await get(url, undefined, {
      headers: { "Accept-Encoding": "identity" },
    });
    assertEquals(frame.etag, headers.get("etag"));
    assertEquals(headers.get("lainlet-revision"), `${frame.revision}`);
    tags.push(frame.etag ?? "");
  }
  const [one = "", two = "", three = ""] = tags;

  // The present one, also as an answer that is compressed, or made weak on the way, names it.
  for (const tag of [three, `W/${three}`, three.replace(/"$/, '-gzip"')]) {
    await using same = await Frames.open(url, tag);
    const { isUnchanged, event, etag } = await same.frame();
    assertEquals([isUnchanged, event, etag], [true, undefined, three]);
    store.put(KEYS.b, tag);
    const { id, event: next, data } = await same.frame();
    assertEquals([id, next, data], ["1", "patch", { b: tag }]);
    store.delete(KEYS.b);
    const { id: more, event: last } = await same.frame();
    assertEquals([more, last], ["2", "patch"]);
  }

  for (const tag of [one, two]) {
    await using again = await Frames.open(url, tag);
    const { id, event, data, etag } = await again.frame();
    assertEquals([id, event, data], ["1", "patch", { a: "3" }]);
    assertEquals(etag, three);
    // Whoever takes no patches gets everything.
    await using whole = await Frames.open(
      `${server.url}/v2/configwatcher`,
      tag,
    );
    assertEquals((await whole.frame()).event, "init");
  }
  await using nobodys = await Frames.open(url, '"nobodys"');
  assertEquals((await nobodys.frame()).event, "init");
  assertEquals((await get(`${url}&watch=1&since=yesterday`)).status, 400);
});

Deno.test("resume: what was known is so still when its last listener left and another one comes", async () => {
  const store = new MemoryStore(content());
  await using server = await new TestLainlet(store).ready();
  const url = server.url + path;
  let tag: string | undefined;
  {
    await using first = await Frames.open(url);
    tag = (await first.frame()).etag;
    store.put(KEYS.a, "2");
    await first.frame();
  }
  store.put(KEYS.a, "3");
  await using again = await Frames.open(url, tag);
  const { event, data } = await again.frame();
  assertEquals([event, data], ["patch", { a: "3" }]);
});

Deno.test("resume: a list is the same or sent whole, and an error is followed by everything", async () => {
  const group = (ip: string) =>
    JSON.stringify({
      Spec: {
        Name: "shop.web.web",
        Namespace: "shop",
        Pod: { Containers: [{ Expose: 80 }] },
      },
      Pods: [{ InstanceNo: 1, Containers: [{ ContainerIp: ip }] }],
    });
  const key = "/lain/deployd/pod_groups/shop/shop.web.web";
  const store = new MemoryStore([[key, group("10.0.0.1")]]);
  await using server = await new TestLainlet(store).ready();

  const list = `${server.url}/v2/procwatcher?appname=shop`;
  const tag = (await get(list)).headers.get("etag") ?? "";
  await using same = await Frames.open(list, tag);
  assert((await same.frame()).isUnchanged);
  store.put(key, group("10.0.0.2"));
  const { id, event } = await same.frame();
  assertEquals([id, event], ["1", "update"]);
  await using other = await Frames.open(list, tag);
  const init = await other.frame();
  assertEquals(init.event, "init");
  assertNotEquals(init.etag, tag);

  const guarded = `${server.url}/v2/webrouter/webprocs?patch=merge`;
  const { headers } = await get(guarded);
  store.put(key, group(""));
  await using router = await Frames.open(
    guarded,
    headers.get("etag") ?? "",
  );
  assertEquals(
    await router.next(),
    "id: 0\nevent: error\ndata: over half of the containers lost their IPs",
  );
  store.put(key, group("10.0.0.2"));
  assertEquals((await router.frame()).event, "init");
});
