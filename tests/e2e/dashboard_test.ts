/**
 * The dashboard in a real browser.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import {
  groupKey,
  type GroupSpec,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { needsCluster } from "../fixtures/needs.ts";
import { type Page, TestBrowser, violations, visit } from "../util/browser.ts";
import { get } from "../util/client.ts";
import { cluster } from "../util/golden.ts";
import { GOLDEN_HOST, TestLainlet } from "../util/lainlet.ts";
import { TARGETS } from "../util/lainlet_process.ts";
import { becomes, eventually, freePort, Program } from "../util/process.ts";

const takeBrowser = TestBrowser.shared();

/** All views, and what is their heading. */
const VIEWS: readonly (readonly [view: string, title: string | RegExp])[] = [
  ["", "Cluster"],
  ["apps", "Apps"],
  ["app/console", "console"],
  ["pods", "Pods"],
  ["nodes", "Nodes"],
  ["node/node1", "node1"],
  ["changes", "Changes"],
  ["config", "Config"],
  ["lainlet", /^lainlet /],
  ["search?q=console", "Search"],
];

const NODE = { name: "n9", ip: "192.0.2.9" };
const SHOP: GroupSpec = {
  app: "shop",
  proc: "web.web",
  annotation: { mountpoint: ["shop.example/"] },
  instances: [
    { node: NODE, ip: "172.20.9.1", id: "shop-1" },
    { node: NODE, ip: "", id: "shop-2" },
  ],
};

/** A lainlet and a browser for one test. */
async function scene() {
  const stack = new AsyncDisposableStack();
  const store = new MemoryStore([
    ...Object.entries(cluster),
    [nodeKey(NODE), nodeValue(NODE)],
    [groupKey(SHOP), groupValue(SHOP)],
  ]);
  const lainlet = stack.use(new TestLainlet(store));
  await lainlet.ready();
  const browser = stack.use(takeBrowser());
  return {
    store,
    url: lainlet.url,
    browser,
    client: new Client(lainlet.url),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

/** The texts of a table's rows, cell by cell. */
function rows(page: Page, label: string): Promise<string[][]> {
  return page.getByRole("region", { name: label, exact: true })
    .locator("tbody tr").evaluateAll((rows) =>
      rows.map((row) => [...Object(row).cells].map((cell) => cell.innerText))
    );
}

async function shows(page: Page, text: string | RegExp): Promise<void> {
  await page.locator("main").getByText(text, { exact: true }).first().waitFor();
}

Deno.test("dashboard: it is for super callers, and loads nothing from elsewhere", async () => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = await new TestLainlet(store).ready();
  let bytes = 0;
  for (const path of ["/", "/ui/main.js", "/ui/main.css", "/ui/worker.js"]) {
    const { status, headers, body } = await get(lainlet.url + path);
    assertEquals([path, status], [path, 200]);
    const policy = headers.get("Content-Security-Policy") ?? "";
    assertStringIncludes(policy, "default-src 'none'");
    assert(!/unsafe|\*|https?:/.test(policy), policy);
    assertEquals(headers.get("X-Content-Type-Options"), "nosniff");
    bytes += body.length;
    const etag = headers.get("ETag") ?? "";
    const again = await get(lainlet.url + path, "127.0.0.1", {
      headers: { "If-None-Match": etag },
    });
    assertEquals(again.status, 304);
    const other = await get(lainlet.url + path, "127.20.0.12");
    assertEquals([other.status, other.body], [
      403,
      "authorize failed, super required",
    ]);
  }
  assert(bytes < 210_000, `${bytes} bytes`);
});

Deno.test("dashboard: a proxy may serve it under a path", async () => {
  await using s = await scene();
  const asked: string[] = [];
  await using proxy = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      // The browser has left.
      onError: () => new Response(null, { status: 502 }),
    },
    async ({ url, signal }) => {
      const { pathname, search } = new URL(url);
      asked.push(pathname);
      const [, path] = /^\/lainlet(\/.*)$/.exec(pathname) ?? [];
      return path === undefined
        ? new Response("not here", { status: 404 })
        : await fetch(s.url + path + search, { signal });
    },
  );
  const { page } = await s.browser.open(
    `http://127.0.0.1:${proxy.addr.port}/lainlet/`,
  );
  await page.getByRole("heading", { name: "Cluster" }).waitFor();
  await page.evaluate("location.hash = '#/changes'");
  await eventually(
    "another view is watched there, too",
    () => asked.includes("/lainlet/v2/changes") || undefined,
  );
  assertEquals(asked.filter((path) => !path.startsWith("/lainlet/")), []);
  await page.close();
});

Deno.test("dashboard: a caller without the right gets instructions", async () => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = await new TestLainlet(store).ready();
  const { hostname, port } = new URL(lainlet.url);
  const ask = (accept: string) =>
    get(`${lainlet.url}/`, "127.20.0.12", { headers: { Accept: accept } });
  for (const accept of ["*/*", "text/plain", "application/json"]) {
    const { body } = await ask(accept);
    assertEquals([accept, body], [accept, "authorize failed, super required"]);
  }
  // As Chromium asks, which cannot be given an address to ask from.
  const refused = await ask("text/html,application/xhtml+xml,*/*;q=0.8");
  await using way = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(refused.body, refused),
  );
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(
    `http://127.0.0.1:${way.addr.port}/`,
  );
  await page.getByText(`ssh -L 9001:127.0.0.1:${port} ${hostname}`).waitFor();
  await page.getByText("authorize failed, super required").waitFor();
  assertEquals(await violations(page), []);
  // That it was refused, and nothing of the policy.
  assertEquals(problems.filter((one) => !one.includes("403")), []);
});

Deno.test("dashboard: every view, in light and dark and on a phone, is without serious violations", async (t) => {
  await using s = await scene();
  for (const colorScheme of ["light", "dark"] as const) {
    const width = colorScheme === "light" ? 1280 : 375;
    const { page, problems } = await s.browser.open(`${s.url}/`, {
      colorScheme,
      viewport: { width, height: 720 },
    });
    await page.getByText("Up to date", { exact: true }).waitFor();
    for (const [view, title] of VIEWS) {
      await t.step(
        `${view || "cluster"}, ${colorScheme}, ${width} px`,
        async () => {
          await visit(page, `${s.url}/#/${view}`, title);
          // The markup is the same in both; colours and sizes are not.
          const rules = colorScheme === "light"
            ? undefined
            : ["color-contrast", "scrollable-region-focusable"];
          assertEquals(await violations(page, rules), []);
          const overflow: unknown = await page.evaluate(
            "document.documentElement.scrollWidth - innerWidth",
          );
          assert(Number(overflow) <= 0, `${overflow} px too wide`);
        },
      );
    }
    assertEquals(problems, []);
  }
});

Deno.test("dashboard: the cluster is a map of what runs where, and follows", async () => {
  await using s = await scene();
  const { page, problems } = await s.browser.open(`${s.url}/`);
  const node = page.locator(".node", { hasText: "n9" });
  await node.waitFor();
  const containers = await s.client.get("containers", {});
  const nodes = await s.client.get("nodes", {});
  for (const key of Object.keys(nodes)) {
    const [name = ""] = key.split(":");
    const here = Object.keys(containers).filter((one) =>
      one.startsWith(`${name}/`)
    );
    const card = page.locator(".node", {
      has: page.getByRole("heading", { name, exact: true }),
    });
    assertEquals([name, await card.locator(".cell").count()], [
      name,
      here.length,
    ]);
  }
  assertEquals(await node.locator(".cell.bad").count(), 1);
  s.store.put(
    groupKey(SHOP),
    groupValue({
      ...SHOP,
      instances: SHOP.instances.map((one) => ({ ...one, ip: "172.20.9.3" })),
    }),
  );
  await node.locator(".cell.bad").waitFor({ state: "detached" });
  await node.locator(".cell").first().click();
  await shows(page, "172.20.9.3:8080");
  assertEquals(new URL(page.url()).hash, "#/pod/shop/shop.web.web/1");
  assertEquals(problems, []);
});

Deno.test("dashboard: apps, an app, a node, a container are what the API says, and follow", async () => {
  await using s = await scene();
  const { page, problems } = await s.browser.open(`${s.url}/#/apps`);
  await shows(page, "shop");
  const apps = Object.keys(await s.client.get("appswatcher", {}));
  assertEquals((await rows(page, "Apps")).map(([name]) => name), apps.sort());
  await page.locator("main").getByRole("link", { name: "shop" }).click();
  await shows(page, "shop.example/");
  const pods = (await rows(page, "Pods of shop.web.web"))
    .map(([name, state, ...row]) => [
      name,
      // The store does not say since when.
      state?.replace(/ for at least \d+ s$/, " for …"),
      ...row.slice(0, 3),
    ]);
  assertEquals(pods, [
    ["shop.web.web/1", "OK", "n9", "172.20.9.1:8080", "1"],
    ["shop.web.web/2", "no address for …", "n9", "no address", "1"],
  ]);
  const [first, ...others] = SHOP.instances;
  assert(first);
  const moved = { ...first, node: { name: "n8", ip: "192.0.2.8" } };
  s.store.put(
    groupKey(SHOP),
    groupValue({ ...SHOP, version: "7", instances: [moved, ...others] }),
  );
  // The sentence of the change leads there, too.
  await page.getByRole("region", { name: "Pods of shop.web.web" })
    .getByRole("link", { name: "n8" }).click();
  await shows(
    page,
    "This node is not registered; only its containers name it.",
  );
  assertEquals(
    (await rows(page, "Pods on n8")).map((row) => row.slice(0, 4)),
    [["shop.web.web/1", "OK", "172.20.9.1:8080", "7"]],
  );
  await page.getByRole("region", { name: "Pods on n8" })
    .getByRole("link", { name: "shop.web.web/1" }).click();
  await shows(page, "registry.lain.local/shop:release-7");
  // Each view has a URL of its own.
  await page.reload();
  await shows(page, "registry.lain.local/shop:release-7");
  s.store.delete(groupKey(SHOP));
  await shows(page, 'No pod named "shop.web.web/1".');
  // What it was is still there, also after a reload.
  await page.reload();
  await page.getByText(/^Removed at \d\d:\d\d:\d\d .*removed with 2 instances/)
    .waitFor();
  await page.locator("pre", { hasText: "shop:release-7" }).waitFor();
  assertEquals(problems, []);
});

Deno.test("dashboard: search finds apps, groups, nodes, pods and settings", async () => {
  await using s = await scene();
  const { page, problems } = await s.browser.open(`${s.url}/`);
  const search = page.getByRole("searchbox", { name: /^Search apps/ });
  for (
    const [text, titles, found] of [
      ["SHOP", ["Apps (1)", "Groups (1)", "Pods (2)"], "shop"],
      ["shop.example", ["Groups (1)"], "shop.web.web"],
      ["192.0.2.9", ["Nodes (1)"], "n9"],
      ["172.20.9.1", ["Pods (1)"], "shop.web.web/1"],
      ["rsyncd", ["Settings (1)"], "rsyncd_secrets"],
      // As the page, the command line and the views print them.
      ["172.20.9.1:8080", ["Pods (1)"], "shop.web.web/1"],
      ["http://172.20.9.1:8080/", ["Pods (1)"], "shop.web.web/1"],
      ["shop.web.web/2", ["Pods (1)"], "shop.web.web/2"],
      ["shop.web.web.2", ["Pods (1)"], "shop.web.web/2"],
      ["shop.web.web 2", ["Pods (2)"], "shop.web.web/2"],
      ["https://shop.example/", ["Groups (1)"], "shop.web.web"],
      ["https://shop.example/cart?id=7", ["Groups (1)"], "shop.web.web"],
      ["shop n9", ["Pods (2)"], "shop.web.web/1"],
      ["release-1 shop", ["Pods (2)"], "shop.web.web/1"],
      ["shop-2", ["Pods (1)"], "shop.web.web/2"],
      ["n9/shop-2", ["Pods (1)"], "shop.web.web/2"],
      ["n9:192.0.2.9:22", ["Nodes (1)"], "n9"],
    ] as const
  ) {
    await search.fill(text);
    await becomes(
      `what ${text} finds`,
      () => page.locator("main h2").allInnerTexts(),
      [...titles],
    );
    await page.locator("main").getByRole("link", { name: found }).first()
      .waitFor();
  }
  await search.fill("nowhere");
  await shows(page, 'No results for "nowhere"');
  await page.reload();
  await shows(page, 'No results for "nowhere"');
  await search.fill("shpo.web.web/2");
  await page.locator("main").getByRole("link", { name: "shop.web.web/2" })
    .click();
  await shows(page, "Pods (1)");
  // Each result says how it is, since when.
  await page.locator(".found .mark.bad", { hasText: /^no address for / })
    .waitFor();
  assertEquals(problems, []);
});

Deno.test("dashboard: changes are sentences with their differences, can be paused and filtered, and stay after a reload", async () => {
  await using s = await scene();
  const { page, problems } = await s.browser.open(`${s.url}/#/changes`);
  await shows(
    page,
    /^No changes since \d\d:\d\d:\d\d \(history starts there\)/,
  );
  await shows(page, /^History starts at 20\d\d-/);
  assertMatch(await page.locator("footer").innerText(), /^Times are in \S+\.$/);
  const items = page.locator(".changes > li");
  s.store.put(groupKey(SHOP), groupValue({ ...SHOP, port: 9090 }));
  const item = items.filter({ hasText: "port 8080 → 9090" });
  await item.waitFor();
  await page.reload();
  await item.locator("summary").click();
  const line = item.locator(".diff li", {
    hasText: "PodInfos[0].ContainerInfos[0].Expose",
  });
  // It is drawn after it was unfolded.
  await becomes(
    "what differs",
    () => line.locator("del, ins").allInnerTexts(),
    ["8080", "9090"],
  );

  s.store.put("/lain/config/new/name", "x");
  await items.filter({ hasText: 'new/name: set to "x"' }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  s.store.delete("/lain/config/new/name");
  await page.getByRole("button", { name: "Resume (1 new)" }).waitFor();
  assertEquals(await items.count(), 2);
  await page.getByRole("button", { name: /^Resume/ }).click();
  await items.filter({ hasText: "new/name removed" }).waitFor();
  await page.getByLabel("Filter changes").fill("SHOP");
  await becomes("how many are left", () => items.count(), 1);
  assertEquals(new URL(page.url()).hash, "#/changes?q=SHOP");
  await page.getByLabel("kind").selectOption("node");
  await shows(page, "No matches.");
  // An app's page begins with what changed of it, and a sentence leads there.
  await page.goto(`${s.url}/#/changes`);
  await item.getByRole("link", { name: "shop.web.web" }).click();
  await page.getByRole("heading", { level: 1, name: "shop", exact: true })
    .waitFor();
  await item.waitFor();
  assertEquals(new URL(page.url()).hash, "#/app/shop");
  assertEquals(problems, []);
});

Deno.test("dashboard: a secret is shown on request only", async () => {
  await using s = await scene();
  const { page, problems } = await s.browser.open(`${s.url}/#/config`);
  await shows(page, "rsyncd_secrets");
  const names = (await rows(page, "Settings")).map(([name]) => name);
  const settings = await s.client.get("configwatcher", {});
  assertEquals(names, Object.keys(settings));
  const secret = settings.rsyncd_secrets ?? "";
  const isSeen = async (value: string) =>
    (await page.locator("body").innerText()).includes(value);
  assertEquals(await isSeen(secret), false);
  await page.getByRole("button", { name: "Show rsyncd_secrets" }).click();
  await shows(page, secret);
  await page.getByRole("button", { name: "Hide rsyncd_secrets" }).click();
  await page.getByRole("button", { name: "Show rsyncd_secrets" }).waitFor();
  assertEquals(await isSeen(secret), false);
  // JSON is laid out.
  await page.locator("pre", { hasText: /^\[\n {2}"lain\.example",/ }).waitFor();
  s.store.put("/lain/config/domain", "new.example");
  await shows(page, "new.example");

  s.store.put("/lain/config/rsyncd_secrets", "an0ther-s3cret");
  await page.getByRole("link", { name: "Changes" }).click();
  const change = page.locator(".changes > li", { hasText: "rsyncd_secrets" });
  await change.locator("summary").click();
  await change.getByText("config/rsyncd_secrets").waitFor();
  await change.getByText("(secret)").first().waitFor();
  assertEquals([await isSeen(secret), await isSeen("an0ther-s3cret")], [
    false,
    false,
  ]);
  assertEquals(problems, []);
});

Deno.test("dashboard: lainlet's own figures are those of /debug, and follow", async () => {
  await using s = await scene();
  s.store.put("/lain/nodes/nodes/bad:192.0.2.1:22", "not JSON");
  const { page, problems } = await s.browser.open(`${s.url}/#/lainlet`);
  const fact = (name: string, value: string) =>
    page.locator(".facts > div").filter({
      has: page.getByText(name, { exact: true }),
    })
      .getByText(value, { exact: true }).waitFor();
  /** One of the numbers that are seen first. */
  const figure = (name: string, value: string | RegExp) =>
    page.locator(".figures > li").filter({ hasText: name })
      .getByText(value, { exact: true }).waitFor();
  const { store } = await s.client.get("/debug", {});
  await fact("revision", String(store.revision));
  // The page follows the overview, and who listens.
  await figure("listeners", "2");
  await fact("invalid values", "1");
  await shows(page, "nodes: bad:192.0.2.1:22");
  const stop = new AbortController();
  const watch = s.client.watch("nodes", {}, { signal: stop.signal });
  await watch.next();
  await figure("listeners", "3");
  await shows(page, "/v2/nodes");
  // The page knows which streams are its own.
  const listeners = page.getByRole("region", { name: "Listeners", exact: true })
    .locator("tbody tr");
  await becomes(
    "which are its own",
    async () =>
      (await listeners.filter({ hasText: "this browser" }).allInnerTexts())
        .map((text) => /\/v2\/\w+/.exec(text)?.[0]).sort(),
    ["/v2/listeners", "/v2/overview"],
  );
  assertEquals(await listeners.count(), 3);
  assertEquals(await page.locator(".chart canvas").count(), 6);
  // The first delivery of a change is looked at.
  await figure("delivered within (p99)", "–");
  s.store.put("/lain/config/domain", "lain.example");
  await figure("delivered within (p99)", /^[\d.]+ (ms|s)$/);
  stop.abort();
  await watch.next();
  await figure("listeners", "2");
  assertEquals(problems, []);
});

Deno.test("dashboard: a change is highlighted wherever it is shown, unless the user wants no motion", async () => {
  await using s = await scene();
  const [first, second] = SHOP.instances;
  assert(first && second);
  for (const reducedMotion of ["no-preference", "reduce"] as const) {
    // What is highlighted, and a selector of it after the change.
    const shown: [view: string, mark: string, says: string][] = [
      ["", "A", `.cell[title*="${reducedMotion}"]`],
      ["app/shop", "TD", `td[title="${reducedMotion}:8080"]`],
      ["changes", "LI", `.changes > li:has-text("${reducedMotion}")`],
    ];
    const pages = [];
    for (const [view, mark, says] of shown) {
      const { page, problems } = await s.browser.open(`${s.url}/#/${view}`, {
        reducedMotion,
      });
      await page.getByText("Up to date", { exact: true }).waitFor();
      await page.locator("h1").waitFor();
      await page.evaluate(`
        highlighted = new Set();
        (function look() {
          for (const { effect } of document.getAnimations()) {
            highlighted.add(effect.target.tagName);
          }
          requestAnimationFrame(look);
        })()`);
      pages.push({ page, mark, says, problems });
    }
    // The page of changes has to have asked for them.
    await pages.at(-1)?.page.locator(".changes").waitFor({ state: "attached" });
    const ip = reducedMotion;
    s.store.put(
      groupKey(SHOP),
      groupValue({ ...SHOP, instances: [first, { ...second, ip }] }),
    );
    for (const { page, mark, says, problems } of pages) {
      await page.locator(says).first().waitFor();
      // What is drawn is highlighted before the next frame but one.
      await page.evaluate(
        "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))",
      );
      assertEquals(
        await page.evaluate(`highlighted.has("${mark}")`),
        reducedMotion === "no-preference",
        `${reducedMotion}, ${mark}`,
      );
      assertEquals(problems, []);
      await page.close();
    }
  }
});

Deno.test("dashboard: the keyboard is enough", async () => {
  await using s = await scene();
  const { page, problems } = await s.browser.open(`${s.url}/`, {
    reducedMotion: "reduce",
  });
  await page.getByText("Up to date", { exact: true }).waitFor();
  const focused = () =>
    page.evaluate("document.activeElement.textContent").then(String);
  await page.keyboard.press("Tab");
  assertEquals(await focused(), "Skip to content");
  // The host, then the views.
  for (let i = 0; i < 3; i++) await page.keyboard.press("Tab");
  assertEquals(await focused(), "Apps");
  await page.keyboard.press("Enter");
  await shows(page, "shop");
  await page.locator(".skip").focus();
  await page.keyboard.press("Enter");
  assertEquals(await page.evaluate("document.activeElement.id"), "main");
  // What the table is filtered and sorted by, then the links in it.
  await eventually("a link in the table has the focus", async () => {
    await page.keyboard.press("Tab");
    return await page.evaluate(
      'document.activeElement.closest("tbody") !== null',
    ) || undefined;
  });
  await page.keyboard.press("Enter");
  await eventually(
    "an app is shown",
    () => new URL(page.url()).hash.startsWith("#/app/") || undefined,
  );
  assertEquals(problems, []);
});

Deno.test("dashboard: a restart leaves what needs attention as time passes, without a new state", async () => {
  const store = new MemoryStore(needsCluster(Date.now()));
  const lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page } = await browser.open("about:blank");
  try {
    await page.clock.install();
    await page.goto(`${lainlet.url}/#/`);
    await shows(page, /restarted \d+ s ago \(9 total\)/);
  } finally {
    await lainlet[Symbol.asyncDispose]();
  }
  await page.clock.fastForward("10:00");
  const needs = page.getByRole("region", { name: "Needs attention" });
  await needs.getByText("2 pods have a problem, in 2 groups").waitFor();
  await needs.getByText("starting for 1.2 h").waitFor();
  assertEquals(await needs.getByText("crashloop9").count(), 0);
});

Deno.test("dashboard: it reports why there is no state yet", async () => {
  const port = freePort();
  const [lainlet] = TARGETS.binary;
  await using _program = new Program(lainlet, [
    `--web=127.0.0.1:${port}`,
    `--etcd=127.0.0.1:${freePort()}`,
  ]);
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    "it serves",
    async () => (await get(`${url}/healthz`)).status === 200 || undefined,
  );
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${url}/`);
  await page.getByText(/^no state yet: .*config, .* are not read yet/)
    .waitFor();
  // The browser tells of the 503 that this is taken from.
  assertEquals(problems.filter((one) => !one.includes("503")), []);
});

Deno.test("dashboard: it reports when lainlet is unreachable, and recovers by itself, from the binary too", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = async (motd: string) => {
    const file = `${folder}/cluster.json`;
    const content = { ...cluster, "/lain/config/motd": motd };
    await Deno.writeTextFile(file, JSON.stringify(content));
    const [lainlet] = TARGETS.binary;
    const program = new Program(lainlet, [
      `--web=127.0.0.1:${port}`,
      `--ip=${GOLDEN_HOST.ip}`,
      `--store=memory:${file}`,
    ]);
    await eventually(
      "it serves",
      async () => (await get(`${url}/readyz`)).status === 200 || undefined,
    );
    return program;
  };
  try {
    await using browser = takeBrowser();
    await using first = await start("one");
    const { page, problems } = await browser.open(`${url}/#/config`);
    await shows(page, "one");
    const status = page.getByRole("status");
    first.signal("SIGKILL");
    await first.ended();
    await status.getByText("No connection", { exact: true }).waitFor();
    await page.getByText(/reconnecting. Last confirmed at \d\d:\d\d:\d\d/)
      .waitFor();
    // What it knew is still there.
    await shows(page, "one");
    await using _second = await start("two");
    await shows(page, "two");
    await status.getByText("Up to date", { exact: true }).waitFor();
    // The second one cannot know what was before it.
    await page.getByRole("link", { name: "Changes" }).click();
    await page.getByText(/^History starts at 20/).waitFor();
    assertEquals(problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
