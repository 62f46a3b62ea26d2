import {
  HUGE,
  hugeCluster,
  LARGE,
  largeCluster,
} from "../../tests/fixtures/large_cluster.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { TestBrowser } from "../../tests/util/browser.ts";
import { TestLainlet } from "../../tests/util/lainlet.ts";
import { pause } from "./processes.ts";
import { figure, type Settings, type Table } from "./table.ts";

/** A second. */
const CHANGES = 10;
/** More than a browser has connections for a host. */
const WINDOWS = 6;

/** A longer task is seen, in ms. */
const MAX_TASK = 50;

/** Views that are open while the cluster changes. */
const VIEWS = ["", "apps", "pods", "nodes"];

const CLUSTERS = [
  { nodes: LARGE.nodes, pods: LARGE.containers, content: largeCluster },
  { ...HUGE, content: hugeCluster },
];

/** What the dashboard costs in Chromium. */
export async function dashboard({ seconds }: Settings): Promise<Table> {
  const rows: string[][] = [];
  for (const { content, nodes, pods } of CLUSTERS) {
    const entries = content();
    const store = new MemoryStore(entries);
    await using lainlet = await new TestLainlet(store).ready();
    const row = [`${figure(nodes)} nodes, ${figure(pods)} pods`];
    row.push(...await firstLoad(lainlet.url));
    for (const view of VIEWS) {
      row.push(
        await frames(`${lainlet.url}/#/${view}`, store, entries, seconds),
      );
    }
    row.push(await windows(lainlet));
    rows.push(row);
  }
  return {
    head: [
      "cluster",
      "first load, compressed",
      "uncompressed",
      "CPU to the first view",
      ...VIEWS.map((view) =>
        `${
          view || "cluster"
        }, ${CHANGES} changes/s: longest task, tasks over 50 ms, CPU`
      ),
      `streams of ${WINDOWS} windows`,
    ],
    rows,
  };
}

/** Bytes of the first state, and the CPU until it is shown. */
async function firstLoad(url: string): Promise<string[]> {
  const response = await fetch(`${url}/v2/overview`);
  const { length } = await response.text();
  const compressed = Number(response.headers.get("Content-Length"));
  await using browser = await TestBrowser.launch();
  // What any page takes.
  const { page: empty } = await browser.open("about:blank");
  const before = await browser.cpuOfPages();
  const { page } = await browser.open(url);
  await page.getByRole("heading", { name: "Cluster" }).waitFor();
  const cpu = await browser.cpuOfPages() - before;
  await empty.close();
  return [
    `${figure(compressed / 1e6)} MB`,
    `${figure(length / 1e6)} MB`,
    `${figure(cpu)} s`,
  ];
}

/** The longest task of a page while the cluster changes. */
async function frames(
  url: string,
  store: MemoryStore,
  entries: readonly (readonly [key: string, value: string])[],
  seconds: number,
): Promise<string> {
  await using browser = await TestBrowser.launch();
  const { page } = await browser.open(url);
  await page.locator("h1").waitFor();
  await pause(2);
  const groups = entries.filter(([key]) => key.includes("/pod_groups/"));
  const start = performance.now();
  const before = await browser.cpuOfPages();
  const tasks = await browser.tasksOf(page, async () => {
    for (let i = 0; i < seconds * CHANGES; i++) {
      const [key, value] = groups[i * 37 % groups.length] ?? [];
      if (key && value) {
        store.put(
          key,
          value.replaceAll(/"RestartCount":\d+/g, `"RestartCount":${i % 5}`),
        );
      }
      await pause((i + 1) / CHANGES - (performance.now() - start) / 1000);
    }
  });
  const elapsed = (performance.now() - start) / 1000;
  const share = (await browser.cpuOfPages() - before) / elapsed;
  return [
    `${figure(Math.max(...tasks))} ms`,
    String(tasks.filter((ms) => ms > MAX_TASK).length),
    `${figure(100 * share)}%`,
  ].join(", ");
}

/** Streams that windows have together, when all are live. */
async function windows(lainlet: TestLainlet): Promise<string> {
  await using browser = await TestBrowser.launch();
  const response = await fetch(`${lainlet.url}/v2/appswatcher`);
  const apps = Object.keys(await response.json());
  const { pages } = await browser.openWindows(
    Array.from(
      { length: WINDOWS },
      (_, i) => `${lainlet.url}/#/app/${apps[i]}`,
    ),
  );
  for (const page of pages) {
    await page.getByText("Up to date", { exact: true }).waitFor();
  }
  return String(lainlet.lainlet.limits.listeners);
}
