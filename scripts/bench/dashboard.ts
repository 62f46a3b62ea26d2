import { type Page, TestBrowser } from "../../tests/util/browser.ts";
import { TestEtcd } from "../../tests/util/etcd.ts";
import {
  groupKey,
  type GroupSpec,
  groupValue,
  nodeKey,
  nodeValue,
} from "../cluster.ts";
import { ensurePrograms } from "../setup.ts";
import { startLainlet } from "./processes.ts";
import { figure, type Settings, type Table } from "./table.ts";

/** Pod groups, of three containers each; nodes; changes a second. */
const GROUPS = 1_000;
const NODES = 60;
const RATE = 10;

/** A group, whose addresses are other ones with each version. */
function group(i: number, version: number): GroupSpec {
  return {
    app: `app-${i % 200}`,
    proc: `web.p${i}`,
    instances: [0, 1, 2].map((k) => ({
      node: node((i + k * 17) % NODES),
      ip: `172.20.${version % 250}.${i % 250}`,
    })),
  };
}

function node(i: number): { name: string; ip: string } {
  return { name: `node-${i}`, ip: `192.0.2.${i}` };
}

/** Views, and what is there when something of the cluster is shown. */
const VIEWS = [
  ["", ".node"],
  ["apps", "tbody tr"],
  ["pods", "tbody tr"],
  ["nodes", "tbody tr"],
  ["app/app-7", "tbody tr"],
  ["node/node-7", "tbody tr"],
  ["changes", "main h1"],
  ["lainlet", ".chart"],
] as const;

/** How a browser keeps up with a busy cluster, beside the same page of a quiet one. */
export async function dashboard(settings: Settings): Promise<Table> {
  await ensurePrograms(["chromium"]);
  await using etcd = await TestEtcd.start();
  await etcd.load(Object.fromEntries([
    ...Array.from({ length: GROUPS }, (_, i) => group(i, 0))
      .map((spec) => [groupKey(spec), groupValue(spec)]),
    ...Array.from({ length: NODES }, (_, i) => node(i))
      .map((one) => [nodeKey(one), nodeValue(one)]),
  ]));
  const { lainlet, port } = await startLainlet(settings, etcd, 1);
  await using _lainlet = lainlet;
  await using browser = await TestBrowser.launch();
  const rows: string[][] = [];
  let version = 0;
  for (const [view, content] of VIEWS) {
    const { page } = await browser.open(`http://127.0.0.1:${port}/#/${view}`);
    const reloads = await reloadTimes(page, content);
    for (const rate of [0, RATE]) {
      const timer = rate === 0 ? undefined : setInterval(() => {
        const spec = group(7 + version * 200 % GROUPS, ++version);
        etcd.write({ [groupKey(spec)]: groupValue(spec) });
      }, 1000 / rate);
      const { busy, gaps } = await frames(page, settings.seconds);
      clearInterval(timer);
      const late = gaps.filter((gap) => gap > 50).length;
      rows.push([
        view || "cluster",
        String(rate),
        figure(gaps.length / settings.seconds),
        `${figure(Math.max(...gaps))} ms`,
        `${late} of ${gaps.length}`,
        `${figure(100 * busy / settings.seconds)} %`,
        rate === 0 ? `${reloads.map(figure).join(", ")} ms` : "",
      ]);
    }
    await page.close();
  }
  return {
    head: [
      "1,000 pod groups, 3,000 containers: view",
      "changes a second",
      "frames a second",
      "longest frame",
      "frames over 50 ms",
      "the page's thread, of a core",
      "shown after a reload",
    ],
    rows,
  };
}

/** How long it takes until a page that is loaded anew shows something of the cluster, in ms. */
async function reloadTimes(page: Page, content: string): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    await page.locator(content).first().waitFor();
    const start = performance.now();
    await page.reload({ waitUntil: "commit" });
    await page.locator(content).first().waitFor();
    times.push(performance.now() - start);
  }
  return times;
}

/** The times between the frames that a page draws, in ms, and for how many seconds its thread worked. */
async function frames(
  page: Page,
  seconds: number,
): Promise<{ gaps: number[]; busy: number }> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const worked = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0;
  };
  const before = await worked();
  const gaps: unknown = await page.evaluate(`new Promise((resolve) => {
    const gaps = [], end = performance.now() + ${seconds * 1000};
    let last = performance.now();
    const frame = () => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
      if (now < end) requestAnimationFrame(frame);
      else resolve(gaps);
    };
    requestAnimationFrame(frame);
  })`);
  const busy = await worked() - before;
  await session.detach();
  return { busy, gaps: Array.isArray(gaps) ? gaps.map(Number) : [] };
}
