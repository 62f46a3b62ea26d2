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
const NODES = 50;
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
  const url = `http://127.0.0.1:${port}`;
  for (const view of ["", "apps", "app/app-7", "changes", "lainlet"]) {
    const { page } = await browser.open(`${url}/`);
    await page.getByText("in step", { exact: true }).waitFor();
    for (const rate of [0, RATE]) {
      await page.goto(`${url}/#/${view}`);
      let version = 0;
      const timer = rate === 0 ? undefined : setInterval(() => {
        const spec = group(7 + version * 200 % GROUPS, ++version);
        etcd.write({ [groupKey(spec)]: groupValue(spec) });
      }, 1000 / rate);
      const gaps = await frames(page, settings.seconds);
      clearInterval(timer);
      const late = gaps.filter((gap) => gap > 50).length;
      rows.push([
        view || "cluster",
        String(rate),
        figure(gaps.length / settings.seconds),
        `${figure(Math.max(...gaps))} ms`,
        `${figure(100 * late / gaps.length)} %`,
        `${await told(page, url)} of ${version}`,
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
      "changes told",
    ],
    rows,
  };
}

/** How many changes a page knows of. */
async function told(page: Page, url: string): Promise<number> {
  await page.goto(`${url}/#/changes`);
  await page.getByRole("heading", { name: "Changes" }).waitFor();
  // The last ones are drawn when it is their turn.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return await page.locator(".changes > li").count();
}

/** The times between the frames that a page draws, in ms. */
async function frames(page: Page, seconds: number): Promise<number[]> {
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
  return Array.isArray(gaps) ? gaps.map(Number) : [];
}
