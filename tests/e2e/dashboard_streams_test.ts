/**
 * How the dashboard gets its data, in a real browser: compressed at first, then
 * by one stream for all windows, which goes on after whatever happens.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import {
  groupKey,
  type GroupSpec,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { largeCluster } from "../fixtures/large_cluster.ts";
import { type Page, TestBrowser } from "../util/browser.ts";
import { TestEtcd } from "../util/etcd.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { becomes, eventually } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";

const takeBrowser = TestBrowser.shared();

/** A way to a lainlet that may answer by itself. */
class Way implements AsyncDisposable {
  readonly asked: string[] = [];
  answer: (path: string) => Promise<Response | undefined> = () =>
    Promise.resolve(undefined);
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(public target: string) {
    this.#server = Deno.serve(
      {
        hostname: "127.0.0.1",
        port: 0,
        onListen: () => {},
        // The browser has left.
        onError: () => new Response(null, { status: 502 }),
      },
      async ({ signal, url }) => {
        const { pathname, search } = new URL(url);
        const path = pathname + search;
        this.asked.push(path);
        return await this.answer(path) ??
          await fetch(this.target + path, { signal });
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const upToDate = (page: Page) =>
  page.getByRole("status").getByText("Up to date", { exact: true }).waitFor();

/** Lets a page believe that it is hidden, or visible again. */
const setHidden = (page: Page, isHidden: boolean) =>
  page.evaluate(`
    Object.defineProperty(document, "hidden", {
      configurable: true, value: ${isHidden},
    });
    document.dispatchEvent(new Event("visibilitychange"));
  `);

Deno.test("dashboard: the first load is compressed, and the stream continues from it, also for a page that comes back", async () => {
  const store = new MemoryStore(largeCluster());
  await using lainlet = await new TestLainlet(store).ready();
  await using proxy = new Proxy(lainlet.url);
  let text = "";
  proxy.editing(() => (bytes) => {
    text += new TextDecoder("latin1").decode(bytes);
    return bytes;
  });
  /** States that were sent whole: compressed, and as events. */
  const wholeStates = () => [
    text.match(/^lainlet-size: \d{7}\r$/gim)?.length ?? 0,
    text.match(/^event: init$/gm)?.length ?? 0,
  ];
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${proxy.url}/#/config`);
  await upToDate(page);
  const main = page.locator("main");
  store.put("/lain/config/motd", "one");
  await main.getByText("one", { exact: true }).waitFor();
  assertEquals(wholeStates(), [1, 0]);
  assertMatch(text, /^event: patch$/m);
  assert(text.length < 1_000_000, `${text.length} bytes`);

  await setHidden(page, true);
  await becomes(
    "streams",
    () => Promise.resolve(lainlet.lainlet.limits.listeners),
    0,
  );
  store.put("/lain/config/motd", "two");
  await setHidden(page, false);
  await main.getByText("two", { exact: true }).waitFor();
  assertEquals(wholeStates(), [1, 0]);
  assertEquals(problems, []);
});

Deno.test("dashboard: while it loads it shows the progress", async () => {
  const store = new MemoryStore(largeCluster());
  await using lainlet = await new TestLainlet(store).ready();
  await using way = new Way(lainlet.url);
  const rest = Promise.withResolvers<void>();
  way.answer = async (path) => {
    if (!/^\/v2\/overview(?!.*watch=)/.test(path)) return undefined;
    const response = await fetch(way.target + path);
    const bytes = await response.bytes();
    const body = new Blob([bytes]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    const compressed = await new Response(body).bytes();
    const half = compressed.length >> 1;
    const headers = new Headers(response.headers);
    headers.delete("Content-Length");
    headers.set("Content-Encoding", "gzip");
    headers.set("Lainlet-Size", `${bytes.length}`);
    const parts = async function* () {
      yield compressed.subarray(0, half);
      await rest.promise;
      yield compressed.subarray(half);
    };
    return new Response(ReadableStream.from(parts()), { headers });
  };
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(way.url);
  await page.getByText(
    /^Loading the cluster: [\d.]+ MiB of [\d.]+ MiB \([1-9]\d?%\) …$/,
  ).waitFor();
  rest.resolve();
  await upToDate(page);
  assertEquals(problems, []);
});

/** Apps that have a window each, and one that has none. */
const APPS = Array.from({ length: 7 }, (_, i): GroupSpec => ({
  app: `app${i + 1}`,
  proc: "web.web",
  instances: [{
    node: { name: "n1", ip: "192.0.2.1" },
    ip: `172.20.1.${i + 1}`,
  }],
}));

Deno.test("dashboard: six windows are live with the connections of one, whichever is closed", async () => {
  const store = new MemoryStore(
    APPS.map((one) => [groupKey(one), groupValue(one)] as const),
  );
  await using lainlet = await new TestLainlet(store).ready();
  await using proxy = new Proxy(lainlet.url);
  await using browser = takeBrowser();
  const { pages, problems } = await browser.openWindows(
    APPS.slice(0, 6).map(({ app }) => `${proxy.url}/#/app/${app}`),
  );
  const change = (port: number) => {
    for (const one of APPS) {
      store.put(groupKey(one), groupValue({ ...one, port }));
    }
  };
  /** All windows show the change, in the table and in the history. */
  const show = async (pages: readonly Page[], port: number) => {
    await Promise.all(pages.map(async (page) => {
      await upToDate(page);
      await page.locator("td", { hasText: `:${port}` }).first().waitFor();
      await page.locator(".changes > li", { hasText: `→ ${port}` }).waitFor();
    }));
    // The overview, and what takes turns.
    await eventually(
      "at most four streams",
      () => lainlet.lainlet.limits.listeners <= 4 || undefined,
    );
    assert(proxy.connections <= 6, `${proxy.connections} connections`);
  };
  await Promise.all(pages.map(upToDate));
  change(9001);
  await show(pages, 9001);
  for (const page of pages.splice(0, 2)) await page.close();
  change(9002);
  await show(pages, 9002);
  assertEquals(problems, []);
});

Deno.test("dashboard: without a shared worker each window has its own streams", async () => {
  await using lainlet = await new TestLainlet(
    new MemoryStore([["/lain/config/motd", "one"]]),
  ).ready();
  await using way = new Way(lainlet.url);
  await using browser = takeBrowser();
  // It cannot be loaded.
  way.answer = (path) =>
    Promise.resolve(
      path === "/ui/worker.js" ? new Response("", { status: 404 }) : undefined,
    );
  const { page } = await browser.open(`${way.url}/#/config`);
  await page.locator("main").getByText("one", { exact: true }).waitFor();
  // The browser has none.
  const { page: other, problems } = await browser.open("about:blank");
  await other.addInitScript("delete globalThis.SharedWorker");
  way.asked.length = 0;
  await other.goto(`${way.url}/#/config`);
  await other.locator("main").getByText("one", { exact: true }).waitFor();
  assertEquals(way.asked.includes("/ui/worker.js"), false);
  assertEquals(problems.filter((one) => !one.startsWith("it asked")), []);
});

Deno.test("dashboard: a store that refuses connections is reported at once, with the age of the shown state", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/motd": "one" });
  // However old it gets, it does not count as stale.
  await using lainlet = await new TestLainlet(
    new EtcdStore([etcd.endpoint]),
    { staleAfter: 3_600_000 },
  ).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(lainlet.url);
  await upToDate(page);
  await etcd.kill();
  await page.getByRole("status").getByText("Stale", { exact: true }).waitFor();
  const banner = page.locator(".banner");
  await banner.getByText(
    /^This may be out of date: connect ECONNREFUSED /,
  ).waitFor();
  await banner.getByText(/^Last confirmed at .* ago\.$/).waitFor();
  await etcd.launch();
  await upToDate(page);
  assertEquals(problems, []);
});

Deno.test("dashboard: a chart has the limit of now", async () => {
  const open = (staleAfter: number) =>
    new TestLainlet(new MemoryStore([["/lain/config/a", "1"]]), {
      staleAfter,
    });
  await using way = new Way("");
  await using browser = takeBrowser();
  await using second = await open(120_000).ready();
  const chart = (page: Page) =>
    page.locator("figure", { hasText: "Confirmed" });
  /** The marks of the scale, which a canvas has as pixels. */
  const scale = async (page: Page) =>
    String(
      await chart(page).locator("canvas").evaluate((canvas) => {
        const { height } = Object(canvas);
        const { data } = Object(canvas).getContext("2d")
          .getImageData(0, 0, 60, height - 30);
        return data.join();
      }),
    );
  const { page } = await browser.open("about:blank");
  let before: string;
  {
    await using first = await open(30_000).ready();
    way.target = first.url;
    await page.goto(`${way.url}/#/lainlet`);
    await chart(page).getByText("stale from 30").waitFor();
    before = await scale(page);
    way.target = second.url;
  }
  await chart(page).getByText("stale from 120").waitFor();
  await eventually(
    "another scale",
    async () => await scale(page) !== before || undefined,
  );
});

/** Nodes of which each has a pod; of every tenth it has no address. */
function nodes(count: number): [key: string, value: string][] {
  const all = Array.from({ length: count }, (_, i) => ({
    name: `node${i + 1}`,
    ip: `192.0.2.${i + 1}`,
  }));
  return all.flatMap((node, i) => {
    const group: GroupSpec = {
      app: i < 20 ? "shop" : "chat",
      proc: `web.p${i}`,
      cpu: 1,
      instances: [{ node, ip: i % 10 === 9 ? "" : `172.20.1.${i + 1}` }],
    };
    return [
      [nodeKey(node), nodeValue(node, 4, 64)],
      [groupKey(group), groupValue(group)],
    ];
  });
}

Deno.test("dashboard: many nodes are a tile each, with the cluster's totals, and filters", async () => {
  const store = new MemoryStore(nodes(160));
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(lainlet.url);
  const map = page.getByRole("region", { name: "Map" });
  const tiles = map.locator(".tile");
  const count = (expected: number) =>
    becomes("tiles", () => tiles.count(), expected);
  await count(160);
  for (
    const total of [
      "144 OK",
      "16 with a problem",
      "160 of 640",
      "40 of 10,240 GB",
    ]
  ) await map.getByText(total).waitFor();
  await map.getByLabel("state").selectOption("with a problem");
  await count(16);
  await map.getByLabel("app").fill("shop");
  await count(2);
  await map.getByText("2 pods on 2 nodes").waitFor();
  await map.getByRole("searchbox", { name: "Node" }).fill("node20");
  await count(1);
  assertEquals(
    new URL(page.url()).hash,
    "#/?state=bad&app=shop&node=node20",
  );
  await page.reload();
  await count(1);
  assertEquals(await tiles.innerText(), "node20\n▲ 1/1");
  await map.getByRole("searchbox", { name: "Node" }).fill("nowhere");
  await map.getByText("No matches.").waitFor();
  await map.getByRole("searchbox", { name: "Node" }).fill("node20");
  await tiles.getByRole("link").click();
  await page.getByRole("heading", { level: 1, name: "node20" }).waitFor();
  assertEquals(problems, []);
});
