import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { get, Stream } from "../../util/client.ts";
import { Frames } from "../../util/frames.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { becomes, eventually } from "../../util/process.ts";

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

Deno.test("resume: frames carry the entity tags of GETs, and a resumed stream gets what it missed", async () => {
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

  // The current one, also with the tag of a compressed response, or a weak one.
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
    // Without patches, the whole state is sent.
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

Deno.test("resume: states are remembered after the last listener has left", async () => {
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

Deno.test("resume: a list is unchanged or sent whole, and the whole state follows an error", async () => {
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

Deno.test("resume: several views on one stream resume, each from the state that the client has", async () => {
  const store = new MemoryStore(content());
  await using server = await new TestLainlet(store).ready();
  const views = ["configwatcher", "nodes", "streamrouter/ports"];
  const search = views.map((view) => `view=${encodeURIComponent(view)}`);
  const url = `${server.url}/v2/watch?patch=merge&${search.join("&")}`;
  const tagOf = async (view: string) => {
    const { headers } = await get(`${server.url}/v2/${view}`, undefined, {
      headers: { "Accept-Encoding": "identity" },
    });
    return headers.get("etag")?.slice(1, -1);
  };
  const node = (number: number) =>
    store.put("/lain/nodes/nodes/n:10.0.0.1:22", `{"n":${number}}`);
  const ids: string[] = [];
  {
    await using first = await Frames.open(`${url}&heartbeat=1`);
    for (const view of views) {
      const { id = "", event } = await first.frame();
      assertEquals(event, `init ${view}`);
      ids.push(id);
    }
    // An id names the states that the client has so far.
    const [config, nodes, ports] = await Promise.all(views.map(tagOf));
    assertEquals(ids, [
      `${config}..`,
      `${config}.${nodes}.`,
      `${config}.${nodes}.${ports}`,
    ]);
    // So does the id of an event without a state.
    const beat = `id: ${ids.at(-1)}\nevent: heartbeat`;
    assertEquals(await first.next(), beat);
  }
  const [one = "", two = "", three = ""] = ids;
  const unchanged = async (stream: Frames, ...views: string[]) => {
    for (const view of views) {
      const text = await stream.next();
      assertEquals(text?.split("\n").at(-1), `: unchanged ${view}`);
    }
  };

  {
    await using same = await Frames.open(url, three);
    await unchanged(same, ...views);
    node(1);
    const { id, event, data } = await same.frame();
    assertEquals(
      [id?.split(".")[0], event, data],
      [one.split(".")[0], "patch nodes", { "n:10.0.0.1:22": { n: 1 } }],
    );
    ids.push(id ?? "");
  }
  // The states of the client may be of different revisions; what it gets is of one.
  store.put(KEYS.a, "2");
  node(2);
  for (const since of [two, three, ids[3]]) {
    await using mixed = await Frames.open(url, since);
    const [config, nodes] = [await mixed.frame(), await mixed.frame()];
    assertEquals(
      [config.event, config.data],
      ["patch configwatcher", { a: "2" }],
    );
    assertEquals(
      [nodes.event, nodes.data],
      ["patch nodes", { "n:10.0.0.1:22": { n: 2 } }],
    );
    assertEquals(nodes.revision, config.revision);
    if (since === two) {
      assertEquals((await mixed.frame()).event, "init streamrouter/ports");
    } else await unchanged(mixed, "streamrouter/ports");
  }
  // Last-Event-ID is newer than the URL.
  const all = await Promise.all(views.map(tagOf));
  {
    await using browser = await Frames.open(url, one, "127.0.0.1", three);
    assertEquals((await browser.frame()).event, "patch configwatcher");
    assertEquals((await browser.frame()).event, "patch nodes");
    await unchanged(browser, "streamrouter/ports");
  }
  {
    await using other = await Frames.open(url, all.join("."), undefined, "7");
    await unchanged(other, ...views);
  }
  // One is unknown, and there is no state of the other.
  {
    const nobodys = "x".repeat(43);
    await using stream = await Frames.open(
      url,
      [nobodys, all[1], undefined].join("."),
    );
    assertEquals((await stream.frame()).event, "init configwatcher");
    await unchanged(stream, "nodes");
    assertEquals((await stream.frame()).id, all.join("."));
  }
  for (const since of ["1", `"${all[0]}"..`, "...", "a.b.c", "yesterday"]) {
    const { status } = await get(`${url}&since=${encodeURIComponent(since)}`);
    assertEquals(status, 400);
  }
  // Without `tag`, ids count, as those of a single view.
  await using plain = await Stream.open(url);
  for (const id of ["1", "2", "3"]) assertEquals((await plain.next())?.id, id);
});

/** A store whose freshness checks can be delayed. */
class HeldStore extends MemoryStore {
  #free = Promise.resolve();
  #release = () => {};
  /** Number of waiting checks. */
  held = 0;

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    this.#release = resolve;
  }

  release(): void {
    this.#release();
  }

  override async checkFreshness(
    prefix: string,
    signal: AbortSignal,
  ): Promise<number> {
    this.held++;
    await this.#free;
    this.held--;
    return await super.checkFreshness(prefix, signal);
  }
}

Deno.test("resume: several views get no older state while a freshness check is pending", async () => {
  const store = new HeldStore(content());
  await using server = await new TestLainlet(store).ready();
  const views = ["configwatcher", "nodes"];
  const url = `${server.url}/v2/watch?patch=merge&${
    views.map((view) => `view=${view}`).join("&")
  }`;
  await using first = await Frames.open(url);
  for (const view of views) {
    assertEquals((await first.frame()).event, `init ${view}`);
  }
  store.hold();
  // Meanwhile the views on one stream pause, and single ones do not.
  const sinces: string[] = [];
  for (const value of ["2", "3", "4"]) {
    store.put(KEYS.a, value);
    const tags = await eventually(`it holds ${value}`, async () => {
      const answers = await Promise.all(
        views.map((view) => get(`${server.url}/v2/${view}`)),
      );
      if (JSON.parse(answers[0]?.body ?? "").a !== value) return;
      return answers.map(({ headers }) => headers.get("etag")?.slice(1, 44));
    });
    sinces.push(tags.join("."));
  }
  await eventually("a freshness check waits", () => store.held || undefined);
  const late = await Promise.all(
    sinces.map((since) => Frames.open(url, since)),
  );
  const { limits } = server.lainlet;
  await becomes("all listen", () => limits.listeners, 1 + late.length);
  const firsts = late.map((stream) => stream.frame());
  store.release();
  for (const [i, frame] of (await Promise.all(firsts)).entries()) {
    if (i === sinces.length - 1) assert(frame.isUnchanged);
    else {
      assertEquals(
        [frame.event, frame.data],
        ["patch configwatcher", { a: "4" }],
        sinces[i],
      );
    }
  }
  for (const stream of late) await stream[Symbol.asyncDispose]();
});
