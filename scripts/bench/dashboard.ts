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

/** How long it may take until all windows are live, in ms. */
const MAX_LOAD = 120_000;

/** Views that are open while the cluster changes. */
const VIEWS = ["", "apps", "pods", "nodes", "changes", "search?q=web"];

const CLUSTERS = [
  { nodes: LARGE.nodes, pods: LARGE.containers, content: largeCluster },
  { ...HUGE, content: hugeCluster },
];

/** What the dashboard costs in Chromium, by size of the cluster. */
export async function dashboard({ seconds }: Settings): Promise<Table> {
  const columns: (readonly string[])[] = [[
    "",
    "first load",
    "the same, not compressed",
    "CPU until it is shown",
    ...VIEWS.map((view) => `the longest task of ${view || "cluster"}`),
    ...VIEWS.map((view) => `CPU of ${view || "cluster"}`),
    `streams of ${WINDOWS} windows`,
  ]];
  for (const { content, nodes, pods } of CLUSTERS) {
    const entries = content();
    const store = new MemoryStore(entries);
    await using lainlet = await new TestLainlet(store).ready();
    const loaded = await firstLoad(lainlet.url);
    const measured: Awaited<ReturnType<typeof underChanges>>[] = [];
    for (const view of VIEWS) {
      const url = `${lainlet.url}/#/${view}`;
      measured.push(await underChanges(url, store, entries, seconds));
    }
    columns.push([
      `${figure(nodes)} nodes, ${figure(pods)} pods`,
      ...loaded,
      ...measured.map(({ longest }) => `${figure(longest)} ms`),
      ...measured.map(({ share }) => `${figure(100 * share)}%`),
      String(await streamsOfWindows(lainlet)),
    ]);
  }
  const [names = [], ...sizes] = columns;
  const [head = [], ...rows] = names.map((name, i) => [
    name,
    ...sizes.map((column) => column[i] ?? ""),
  ]);
  return { head, rows };
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

/** The CPU of a page while the cluster changes: its longest task, in ms, and the share of a core, with that of the worker. */
async function underChanges(
  url: string,
  store: MemoryStore,
  entries: readonly (readonly [key: string, value: string])[],
  seconds: number,
): Promise<{ longest: number; share: number }> {
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
        const restarts = `"RestartCount":${i % 5}`;
        store.put(key, value.replaceAll(/"RestartCount":\d+/g, restarts));
      }
      const elapsed = (performance.now() - start) / 1000;
      await pause(Math.max(0, (i + 1) / CHANGES - elapsed));
    }
  });
  const elapsed = (performance.now() - start) / 1000;
  const cpu = await browser.cpuOfPages() - before;
  return { longest: Math.max(...tasks), share: cpu / elapsed };
}

/** How many streams windows have together, when all are live. */
async function streamsOfWindows(
  { lainlet, url }: TestLainlet,
): Promise<number> {
  await using browser = await TestBrowser.launch();
  const response = await fetch(`${url}/v2/appswatcher`);
  const apps = Object.keys(await response.json());
  const { pages } = await browser.openWindows(
    Array.from({ length: WINDOWS }, (_, i) => `${url}/#/app/${apps[i]}`),
  );
  await Promise.all(pages.map(async (page) => {
    const options = { timeout: MAX_LOAD };
    await page.getByText("Up to date", { exact: true }).waitFor(options);
    // The history of its app is there, too.
    await page.getByText(/^No changes/).waitFor(options);
  }));
  return lainlet.limits.listeners;
}
