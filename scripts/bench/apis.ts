import * as apis from "../../apis/mod.ts";
import { Type } from "@sinclair/typebox";
import { Lainlet } from "../../lib/http/handler.ts";
import type { Member } from "../../lib/json.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { ApiFiles } from "../../lib/view/files/files.ts";
import { BY_APP, byApp } from "../../lib/view/select.ts";
import { flat, view } from "../../lib/view/view.ts";
import { cost, entry, open } from "./scale.ts";
import { figure, type Table } from "./table.ts";

const SIZES = [100, 1_000, 10_000];
const FILES = 20;
const RELOADS = 20;

/** The view of the API files, built in. */
const builtIn = view({
  paths: ["/v2/built-in"],
  summary: "The images that run, by group.",
  params: BY_APP,
  mayAsk: "app",
  answer: Type.Record(Type.String(), Type.Array(Type.String())),
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece: (group): Member[] => {
    const containers = group.pods.flatMap((pod) => pod.containers);
    const images = new Set(containers.map(({ spec }) => spec.image));
    return [[group.name, JSON.stringify([...images].sort())]];
  },
  members: flat,
});

/** @param i its number @param version makes another text */
function fileText(i: number, version = 0): string {
  return `// Version ${version}.
export default ({ Type, view, byApp, BY_APP, flat }) =>
  view({
    paths: ["/v2/file/${i}"],
    summary: "The images that run, by group.",
    params: BY_APP,
    mayAsk: "app",
    answer: Type.Record(Type.String(), Type.Array(Type.String())),
    watcher: (cluster) => cluster.podgroup,
    select: byApp,
    piece: (group) => {
      const containers = group.pods.flatMap((pod) => pod.containers);
      const images = new Set(containers.map(({ spec }) => spec.image));
      return [[group.name, JSON.stringify([...images].sort())]];
    },
    members: flat,
  });
`;
}

/** What API files cost in this process, without a network: a change of a pod group, and a reload. */
export async function apiFiles(): Promise<Table> {
  const rows: string[][] = [];
  const folder = await Deno.makeTempDir({ prefix: "lainlet-bench-" });
  await Deno.chmod(folder, 0o755);
  try {
    for (const size of SIZES) rows.push(await row(size, folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return {
    head: [
      "pod groups",
      "a change, nobody listens",
      `the same with ${FILES} files`,
      "one listens to a built-in view, patches",
      "to the same view of a file",
      `reload, nothing changed`,
      `reload, one of ${FILES} changed, one listens to it`,
    ],
    rows,
  };
}

async function row(size: number, folder: string): Promise<string[]> {
  const store = new MemoryStore(
    Array.from({ length: size }, (_, i) => entry(i, 0)),
  );
  const endpoints = [...Object.values(apis), builtIn];
  const lainlet = new Lainlet({
    store,
    host: { ip: "", hostname: "bench" },
    version: "",
    endpoints,
    apiFiles: new ApiFiles({ folder, builtIn: endpoints }),
    auth: true,
    staleAfter: 30_000,
    limits: { listeners: 1_000, listenersPerAddress: 1_000 },
  });
  await lainlet.cluster.container.synced;
  const crowd = (path: string) => ({
    name: path,
    path: `${path}?watch=1&patch=merge`,
    count: path === "" ? 0 : 1,
    reads: true,
  });
  const costOf = (path: string) => cost(store, lainlet, crowd(path), size);
  const write = (i: number, version: number) =>
    Deno.writeTextFile(`${folder}/${i}.js`, fileText(i, version));
  // Once to warm up.
  await costOf("");
  const none = await costOf("");
  for (let i = 0; i < FILES; i++) await write(i, 0);
  await lainlet.reloadApis();
  const unasked = await costOf("");
  const own = await costOf(builtIn.paths[0]);
  const file = await costOf("/v2/file/0");
  const same = await timed(() => lainlet.reloadApis());
  let version = 0;
  const feed = await open(lainlet, "/v2/file/0?watch=1");
  const stop = feed.start({ attach() {}, fail() {} });
  const changed = await timed(async () => {
    await write(0, ++version);
    await lainlet.reloadApis();
  });
  stop();
  for (let i = 0; i < FILES; i++) await Deno.remove(`${folder}/${i}.js`);
  lainlet.close();
  const ms = (time: number) => `${figure(time)} ms`;
  return [
    figure(size),
    ms(none),
    `${ms(unasked)}: ${figure(unasked / none)}`,
    ms(own),
    `${ms(file)}: ${figure(file / own)}`,
    ms(same),
    `${ms(changed)}: ${figure(changed / same)}`,
  ];
}

/** The median of some runs, in ms. */
async function timed(run: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < RELOADS; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[RELOADS / 2] ?? NaN;
}
