import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { groupKey, type GroupSpec, groupValue } from "../../scripts/cluster.ts";
import { readPages } from "../pages/pages.ts";
import { get } from "../util/client.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually, freePort } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";
import { TestPrometheus } from "../util/prometheus.ts";

/** The nodes of the cluster. */
const [N1, N2] = [
  { name: "n1", ip: "192.0.2.1" },
  { name: "n2", ip: "192.0.2.2" },
];

/** What the page for operators prints to scrape apps, for lainlet where it is. */
async function printed(lainlet: string): Promise<string> {
  const pages = await readPages();
  const [block] = pages.flatMap(({ blocks }) => blocks)
    .filter(({ text }) => text.includes("http_sd_configs"));
  const text = block?.text.replace("http://127.0.0.1:9001", lainlet)
    .replace(/(?<=refresh_interval: )\S+/, "1s");
  return `global:\n  scrape_interval: 1s\n${text}`;
}

Deno.test("a real Prometheus scrapes the procs that /v2/prometheus tells it of", async () => {
  const port = freePort();
  const group = (app: string, ips: [string, string], more = {}): GroupSpec => ({
    app,
    proc: "web.web",
    port,
    instances: [{ node: N1, ip: ips[0] }, { node: N2, ip: ips[1] }],
    ...more,
  });
  const shop = group("shop", ["127.0.0.11", "127.0.0.12"]);
  const all = [
    shop,
    group("shop", ["127.0.0.11", "127.0.0.12"], { proc: "job.job", port: 0 }),
    group("mail", ["", "2001:db8::1"]),
  ];
  const store = new MemoryStore(
    all.map((spec) => [groupKey(spec), groupValue(spec)]),
  );
  await using stack = new AsyncDisposableStack();
  const lainlet = await stack.use(new TestLainlet(store)).ready();
  for (const hostname of ["127.0.0.11", "127.0.0.12", "127.0.0.13"]) {
    stack.use(Deno.serve({
      hostname,
      port,
      onListen: () => {},
      handler: () => new Response("shop_orders 1\n"),
    }));
  }

  const target = (address: string, instance: string, node: string) => ({
    targets: [`${address}:${port}`],
    labels: { app: "shop", group: "shop.web.web", proc: "web", instance, node },
  });
  const own = [
    target("127.0.0.11", "1", "n1"),
    target("127.0.0.12", "2", "n2"),
  ];
  const mail = { app: "mail", group: "mail.web.web", proc: "web" };
  const path = `${lainlet.url}/v2/prometheus`;
  // Those without a port, or without an address, are no targets.
  assertEquals(JSON.parse((await get(path)).body), [
    {
      targets: [`[2001:db8::1]:${port}`],
      labels: { ...mail, instance: "2", node: "n2" },
    },
    ...own,
  ]);
  // An app gets its own procs, and no others.
  assertEquals(JSON.parse((await get(path, "127.0.0.11")).body), own);
  const other = await get(`${path}?appname=mail`, "127.0.0.11");
  assertEquals(other.status, 403);

  const way = stack.use(new Proxy(lainlet.url));
  const scraper = stack.use(
    await TestPrometheus.start(await printed(way.url)),
  );
  const scraped = async () => {
    const { activeTargets } = Object(await scraper.api("targets"));
    return activeTargets.map((target: { scrapeUrl: string }) =>
      new URL(target.scrapeUrl).hostname
    ).sort();
  };
  const scrapes = (what: string, targets: typeof own) =>
    eventually(what, async () => {
      const samples = await scraper.query("shop_orders");
      assertEquals(
        samples.map(({ metric }) => metric)
          .sort((a, b) => Number(a.instance) - Number(b.instance)),
        targets.map(({ labels }) => (
          { __name__: "shop_orders", job: "lain", ...labels }
        )),
      );
      return true;
    });
  await scrapes("both instances are scraped", own);
  const before = await scraped();
  assertEquals(before, ["127.0.0.11", "127.0.0.12", "[2001:db8::1]"]);
  way.fault = "cut";
  await eventually("it asks in vain", () => way.refused > 1 || undefined);
  assertEquals(await scraped(), before);
  way.fault = "none";
  store.put(
    groupKey(shop),
    groupValue({
      ...shop,
      instances: [{ node: N1, ip: "127.0.0.11" }, {
        node: N1,
        ip: "127.0.0.13",
      }],
    }),
  );
  await scrapes("one that moved is scraped where it is now", [
    target("127.0.0.11", "1", "n1"),
    target("127.0.0.13", "2", "n1"),
  ]);
});
