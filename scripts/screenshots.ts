/**
 * Takes pictures of the dashboard, of an invented cluster in which something
 * happens: in light, in dark, and on a phone.
 *
 *     deno task screenshots [FOLDER]
 *
 * @module
 */
import { MemoryStore } from "../lib/store/memory.ts";
import { TestBrowser } from "../tests/util/browser.ts";
import { TestLainlet } from "../tests/util/lainlet.ts";
import {
  dependsKey,
  dependsValue,
  groupKey,
  type GroupSpec,
  groupValue,
  nodeKey,
  nodeValue,
} from "./cluster.ts";
import { ensurePrograms } from "./setup.ts";

/** What is shown, and how; a name is a file's. */
const SHOTS = [
  { name: "cluster-light", view: "", colorScheme: "light", width: 1200 },
  { name: "changes-dark", view: "changes", colorScheme: "dark", width: 1200 },
  { name: "app-phone", view: "app/shop", colorScheme: "light", width: 390 },
  { name: "lainlet-dark", view: "lainlet", colorScheme: "dark", width: 1200 },
] as const;

const NODES = Array.from({ length: 12 }, (_, i) => ({
  name: `node-${String(i + 1).padStart(2, "0")}`,
  ip: `192.0.2.${i + 1}`,
}));

/** Apps, their procs, and how many instances of each there are. */
const APPS: readonly (readonly [app: string, proc: string, count: number])[] = [
  ["auth", "web.web", 6],
  ["blog", "web.web", 4],
  ["blog", "worker.feed", 2],
  ["cart", "web.web", 9],
  ["catalog", "web.web", 14],
  ["catalog", "worker.index", 3],
  ["console", "web.web", 2],
  ["mail", "worker.send", 5],
  ["metrics", "web.web", 3],
  ["mysql-service", "portal.mysql", 4],
  ["payment", "web.web", 8],
  ["registry", "web.web", 2],
  ["search", "web.web", 11],
  ["shop", "web.web", 18],
  ["shop", "worker.orders", 6],
  ["wiki", "web.web", 2],
];

/** A group; one of its instances may have lost its address. */
function group(
  [app, proc, count]: typeof APPS[number],
  version: number,
  lost = -1,
): GroupSpec {
  const first = APPS.findIndex((one) => one[0] === app && one[1] === proc);
  return {
    app,
    proc,
    version: String(version),
    annotation: proc.startsWith("web.")
      ? { mountpoint: [`${app}.lain.example/`] }
      : {},
    instances: Array.from({ length: count }, (_, i) => ({
      node: NODES[(first * 5 + i * 7) % NODES.length] ?? NODES[0]!,
      ip: i === lost ? "" : `172.20.${first}.${10 * version + i}`,
      id: `${app}.${proc}-${i + 1}`,
    })),
  };
}

async function take(
  browser: TestBrowser,
  url: string,
  happen: () => void,
  { colorScheme, name, view, width }: typeof SHOTS[number],
): Promise<void> {
  const { page, problems } = await browser.open(`${url}/#/${view}`, {
    colorScheme,
    viewport: { width, height: width < 500 ? 800 : 720 },
  });
  await page.getByText("in step", { exact: true }).waitFor();
  happen();
  // Until what happened is shown, and has settled.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const path = `${folder}/${name}.png`;
  await page.screenshot({ path });
  await page.close();
  if (problems.length > 0) throw new Error(`${view}: ${problems.join("; ")}`);
  const { size } = await Deno.stat(path);
  console.log(`${path}, ${Math.round(size / 1000)} KB`);
}

const [folder = "lib/ui/docs"] = Deno.args;
await ensurePrograms(["chromium"]);
await Deno.mkdir(folder, { recursive: true });

const put = (spec: GroupSpec) =>
  [groupKey(spec), groupValue(spec)] as [key: string, value: string];
const store = new MemoryStore([
  ["/lain/config/domain", "lain.example"],
  ["/lain/config/extra_domains", '["shop.example","例子.example"]'],
  ["/lain/config/rsyncd_secrets", "not shown"],
  ["/lain/config/super_apps/console", ""],
  ["/lain/config/vips", '{"192.0.2.100":{"app":"webrouter","ports":[]}}'],
  ...NODES.map((node) => [nodeKey(node), nodeValue(node)] as const),
  [
    dependsKey("mysql-service"),
    dependsValue({ name: "node-01", ip: "192.0.2.1" }, "shop", "172.20.0.90"),
  ],
  ...APPS.map((app) => put(group(app, 1, app[0] === "search" ? 3 : -1))),
]);
await using lainlet = await new TestLainlet(store).ready();
await using browser = await TestBrowser.launch();
let version = 1;
for (const shot of SHOTS) {
  await take(browser, lainlet.url, () => {
    version++;
    for (const [i, app] of APPS.slice(version, version + 3).entries()) {
      store.put(...put(group(app, version, i)));
    }
    store.put("/lain/config/domain", `lain${version}.example`);
  }, shot);
}
