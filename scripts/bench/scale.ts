import process from "node:process";
import { setImmediate } from "node:timers";
import * as apis from "../../apis/mod.ts";
import { Branch } from "../../lib/broadcast/branch.ts";
import { StreamRegistry } from "../../lib/broadcast/registry.ts";
import { Lainlet } from "../../lib/http/handler.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import type { EventStream } from "../../lib/view/custom_endpoint.ts";
import { Counters } from "../../lib/stats/counters.ts";
import { groupKey, type GroupSpec, groupValue } from "../cluster.ts";
import { figure, type Table } from "./table.ts";

const SIZES = [100, 1_000, 10_000, 30_000];
/** So many that collections of garbage, which take long in a large heap, do not fall on some figures only. */
const CHANGES = 1_500;

/** Who listens, and whether they read what is there for them. */
export interface Crowd {
  readonly name: string;
  readonly path: string;
  readonly count: number;
  readonly reads: boolean;
  /** How many changes are made; {@linkcode CHANGES} when it does not say. */
  readonly changes?: number;
}

const ALL = "/v2/coreinfowatcher?watch=1";

/** Every change is another one. */
let version = 0;

const CROWDS: readonly Crowd[] = [
  { name: "nobody", path: "", count: 0, reads: false },
  {
    name: "one, by patches",
    path: `${ALL}&patch=merge`,
    count: 1,
    reads: true,
  },
  {
    name: "the dashboard",
    path: "/v2/overview?watch=1&patch=merge",
    count: 1,
    reads: true,
  },
  { name: "one who does not read", path: ALL, count: 1, reads: false },
  {
    name: "100, by patches",
    path: `${ALL}&patch=merge`,
    count: 100,
    reads: true,
  },
  { name: "one, whole states", path: ALL, count: 1, reads: true, changes: 150 },
];

/** What one changed pod group costs clusters of any size, in this process, without a network. */
export async function scale(): Promise<Table> {
  const rows: string[][] = [];
  for (const size of SIZES) {
    const store = new MemoryStore(
      Array.from({ length: size }, (_, i) => entry(i, 0)),
    );
    const lainlet = new Lainlet({
      store,
      host: { ip: "", hostname: "bench" },
      version: "",
      endpoints: Object.values(apis),
      auth: true,
      staleAfter: 30_000,
      limits: { listeners: 1_000, listenersPerAddress: 1_000 },
    });
    await lainlet.cluster.container.synced;
    const row = [figure(size)];
    for (const crowd of CROWDS) {
      row.push(`${figure(await cost(store, lainlet, crowd, size))} ms`);
    }
    rows.push(row);
    lainlet.close();
  }
  return { head: ["pod groups", ...CROWDS.map(({ name }) => name)], rows };
}

/** The processor time that a change takes, in ms. */
export async function cost(
  store: MemoryStore,
  lainlet: Lainlet,
  { path, count, reads, changes = CHANGES }: Crowd,
  size: number,
): Promise<number> {
  const branches = new StreamRegistry({
    counters: new Counters(),
    slowAfter: Infinity,
  });
  const stops: (() => void)[] = [];
  for (let i = 0; i < count; i++) {
    const feed = await open(lainlet, path);
    const branch = new Branch(branches, feed.options, () => {});
    stops.push(feed.start(branch));
    const reader = branch.stream.getReader();
    await reader.read();
    const readAll = async () => {
      while (!(await reader.read()).done);
    };
    if (reads) readAll();
  }
  const change = async (i: number) => {
    store.put(...entry(i * 37 % size, ++version));
    // The watchers' streams, then the listeners'. No timers: a process that
    // sleeps in between pays for waking up more than for the change.
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
  };
  for (let i = 1; i <= 10; i++) await change(i);
  const before = process.cpuUsage();
  for (let i = 1; i <= changes; i++) await change(i + 10);
  const { user, system } = process.cpuUsage(before);
  branches.close();
  for (const stop of stops) stop();
  return (user + system) / changes / 1000;
}

/** Asks for a stream, in this process. */
export async function open(
  lainlet: Lainlet,
  path: string,
): Promise<EventStream> {
  const feed = await lainlet.handle({
    method: "GET",
    url: `http://bench${path}`,
    peer: "127.0.0.1",
    accept: null,
    acceptEncoding: null,
    ifNoneMatch: null,
    prefer: null,
    lastEventId: null,
    isKnownHost: true,
  });
  if ("start" in feed) return feed;
  throw new Error(`${path} is no stream`);
}

/** A pod group, by its number. */
export function entry(
  i: number,
  version: number,
): [key: string, value: string] {
  const spec: GroupSpec = {
    app: `app${i % 300}`,
    proc: `web.p${i}`,
    port: 80,
    version: `${version}`,
    annotation: { mountpoint: [`app${i}.example/`] },
    instances: Array.from({ length: 3 }, (_, k) => ({
      node: { name: `node${(i + k) % 60}`, ip: `10.0.0.${(i + k) % 60}` },
      ip: `10.1.${i % 250}.${k + 1}`,
    })),
  };
  return [groupKey(spec), groupValue(spec)];
}
