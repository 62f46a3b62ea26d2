/**
 * Lets lainlet live through random writes and random faults of its store and the
 * network, with listeners that come and go, and says what became of them.
 *
 *     deno task soak [--minutes=10] [--seed=N] [--target=source|binary] [--store=etcd|etcd2|zookeeper]
 *
 * First it writes until lainlet's history of changes is full; then it prints
 * each minute what lainlet takes.
 *
 * Ends with 1 when a listener was cut off or is stale at the end, when the
 * state differed from the store's, or when memory did not come to rest: when in
 * the last third of the time it is more than in the second, by a twentieth in
 * half an hour or more, by a fifth in less.
 *
 * @module
 */
import { integerFlag, scriptOptions, UsageError } from "../lib/flags.ts";
import { get } from "../tests/util/client.ts";
import { GOLDEN_HOST } from "../tests/util/lainlet.ts";
import { LainletProcess } from "../tests/util/lainlet_process.ts";
import { Model, Random } from "../tests/util/model.ts";
import { eventually } from "../tests/util/process.ts";
import { type Fault, Proxy } from "../tests/util/proxy.ts";
import { KIND_NAMES, KINDS, startStore } from "../tests/util/stores.ts";
import {
  Follower,
  freshAnswers,
  isPatchable,
  PATHS,
  withoutTimes,
} from "../tests/util/witness.ts";
import { ensurePrograms, readTarget, TARGET_FLAG } from "./setup.ts";
import {
  Curve,
  type Ended,
  leaksSessions,
  withoutLeaked,
} from "./soak/curve.ts";

const LISTENERS = 200;
const MB = 1024 * 1024;
/** Time between writes, at most, in ms. */
const PACE = 40;
/** So many changes fill the history; some of them change nothing. */
const FILLING = 15_000;
/** So many write at a time until then. */
const FILLERS = 8;
/** By how much memory may be more in the last third of the time than in the second: a heap is a while getting to its size. */
const GROWTH = 0.05;
const EARLY_GROWTH = 0.2;
/** How long that is, in minutes. */
const EARLY = 30;

const { minutes, seed, store, target } = scriptOptions({
  name: "soak",
  summary: "Lets lainlet run for minutes under random writes and random " +
    "faults of its store and the network, and says what became of its listeners.",
  flags: [
    { name: "minutes", value: "N", help: "how long (default 10)" },
    { name: "seed", value: "N", help: "default: another one each time" },
    TARGET_FLAG,
    {
      name: "store",
      value: "STORE",
      help: `${KIND_NAMES.join(", ")} (default etcd)`,
    },
  ],
}, ({ given }) => {
  const name = given("store") ?? "etcd";
  const store = KIND_NAMES.find((kind) => kind === name);
  if (store === undefined) {
    throw new UsageError(`--store must be one of ${KIND_NAMES.join(", ")}`);
  }
  return {
    minutes: integerFlag(given, "minutes", 10, 1, 10_000),
    seed: integerFlag(given, "seed", Date.now() % 1e6 + 1, 1, 1e9),
    store,
    target: readTarget(given),
  };
});
const duration = minutes * 60_000;
const mostGrowth = minutes < EARLY ? EARLY_GROWTH : GROWTH;
const random = new Random(seed);
const model = new Model(random, false);
await ensurePrograms(
  store === "zookeeper" ? ["java"] : ["etcd", "etcdctl"],
);

await using backend = await startStore(store);
for (let i = 0; i < 100; i++) await backend.write(model.next());
await using one = new Proxy(backend.endpoint);
await using other = new Proxy(backend.endpoint);
const ways = [one, other] as const;
await using lainlet = await LainletProcess.start(target, [
  `--store=${store}`,
  `${KINDS[store].flag}=${ways.map(({ addr }) => addr).join()}`,
  `--ip=${GOLDEN_HOST.ip}`,
  `--hostname=${GOLDEN_HOST.hostname}`,
  "--verify.every=5s",
  "--workers=2",
]);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const between = (low: number, high: number) => low + random.below(high - low);

/** The faults; each ends by itself. */
const FAULTS: Record<string, () => Promise<void>> = {
  "store killed": async () => {
    await backend.kill();
    await pause(between(0, 2_000));
    await backend.launch();
  },
  "store paused": async () => {
    backend.pause();
    await pause(between(500, 9_000));
    backend.resume();
  },
  "history compacted": () => backend.compact(),
  "one way broken": () => broken([random.pick(ways)]),
  "both ways broken": () => broken(ways),
  "connections half-closed": async () => {
    for (const way of ways) {
      await way.halfClose(random.below(2) === 0 ? "client" : "server");
    }
  },
};

async function broken(proxies: readonly Proxy[]): Promise<void> {
  const fault = random.pick<Fault>([
    "cut",
    "silent",
    "silent to client",
    "silent to server",
    { delay: 100 },
  ]);
  for (const proxy of proxies) proxy.fault = fault;
  await pause(between(200, 9_000));
  for (const proxy of proxies) proxy.fault = "none";
}

let isOver = false;
let writes = 0;
let events = 0;
let opened = 0;
const faults = new Map<string, number>();
const cut: string[] = [];
const followers = new Set<Follower>();

async function write(): Promise<void> {
  while (!isOver) {
    try {
      await backend.write(model.next());
      writes++;
    } catch {
      // It is away.
    }
    await pause(between(0, PACE));
  }
}

async function fault(): Promise<void> {
  const names = Object.keys(FAULTS);
  while (!isOver) {
    await pause(between(500, 4_000));
    const name = names[random.below(names.length)] ?? "";
    faults.set(name, (faults.get(name) ?? 0) + 1);
    await FAULTS[name]?.();
  }
}

/** One of the listeners: it leaves now and then, and another one comes. */
async function listen(): Promise<void> {
  for (;;) {
    const path = PATHS[random.below(PATHS.length)] ?? "";
    const patch = isPatchable(path) && random.below(2) === 0;
    const follower = await Follower.open(lainlet.url, path, patch);
    followers.add(follower);
    opened++;
    const leaves = Date.now() + between(1_000, 20_000);
    while (Date.now() < leaves || isOver) {
      if (follower.end !== undefined) break;
      if (isOver) return;
      await pause(200);
    }
    if (follower.end !== undefined) cut.push(`${path}: ${follower.end}`);
    events += follower.received;
    followers.delete(follower);
    await follower[Symbol.asyncDispose]();
  }
}

/** Lainlet's figures of a name together, as Prometheus reads them. */
function sumOf(metrics: string, name: string): number {
  const lines = metrics.matchAll(
    new RegExp(`^${name}(?:\\{.*\\})? (.+)$`, "gm"),
  );
  return Iterator.from(lines).reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}

/** Connections to the store so far. */
function connections(): Ended {
  const refused = one.refused + other.refused;
  return { sessions: one.accepted + other.accepted - refused, refused };
}

function percent(growth: number): string {
  return `${Math.round((1 + growth) * 1000) / 10}%`;
}

/** Writes until lainlet's history is full. */
async function fill(): Promise<void> {
  let isFull = false;
  await Promise.all(
    Array.from({ length: FILLERS }, async () => {
      while (!isFull) await backend.write(model.next());
    }).concat((async () => {
      while (!isFull) {
        await pause(500);
        const { body } = await get(`${lainlet.url}/metrics`);
        isFull = sumOf(body, "lainlet_store_changes_total") > FILLING;
      }
    })()),
  );
}

/** Takes what lainlet takes each second, and prints it each minute. */
async function watchMemory(curve: Curve): Promise<void> {
  const start = performance.now();
  while (!isOver) {
    await pause(1_000);
    const { body } = await get(`${lainlet.url}/metrics`);
    const sample = {
      time: performance.now() - start,
      resident: sumOf(body, "process_resident_memory_bytes") / MB,
      heap: sumOf(body, "lainlet_heap_bytes") / MB,
    };
    const [, deno = ""] = /^lainlet_build_info\{.*deno="(.+?)"/m.exec(body) ??
      [];
    const isLeaking = store === "etcd" && leaksSessions(deno);
    const line = curve.add(
      isLeaking ? withoutLeaked(sample, connections()) : sample,
    );
    if (line !== undefined) console.log(line);
  }
}

console.log(
  `${minutes} minutes with ${target} on ${store}, --seed=${seed}, ` +
    `${LISTENERS} listeners.`,
);
await fill();
const curve = new Curve();
const working = Promise.all([
  write(),
  fault(),
  watchMemory(curve),
  ...Array.from({ length: LISTENERS }, listen),
]);
await Promise.race([working, pause(duration)]);
isOver = true;
await working;

const fresh = await freshAnswers(await backend.content());
const isStale = (follower: Follower) =>
  withoutTimes(follower.text ?? "") !==
    withoutTimes(follower.textOf(fresh.get(follower.path)?.body ?? ""));
await eventually(
  "no listener is stale",
  () => [...followers].some(isStale) ? undefined : true,
).catch(() => {});
const stale = [...followers].filter(isStale).length;
for (const { path, end, received } of followers) {
  events += received;
  if (end !== undefined) cut.push(`${path}: ${end}`);
}
const debug = JSON.parse((await get(`${lainlet.url}/debug`)).body);
let differences = 0;
for (
  const { Differences } of Object.values<{ Differences: number }>(
    debug.watchers,
  )
) {
  differences += Differences;
}
const { growth } = curve;
const ended = connections();

const kinds = [...faults].map(([name, count]) => `${name} ${count}`);
const rows: [string, number | string][] = [
  ["writes", writes],
  ["faults", `${kinds.join(", ")}`],
  ["reconnects", debug.store.reconnects],
  [
    "connections to the store",
    `${ended.sessions}, and ${ended.refused} that were refused`,
  ],
  ["changes that a watch missed, repaired", debug.store.missed],
  ["listeners that came", opened],
  ["events delivered", events],
  ["listeners cut off", cut.length],
  ["mirror differences", differences],
  ["stale listeners at the end", stale],
  ["resident in the last third", `${percent(growth.resident)} of the second`],
  ["heap after a collection there", `${percent(growth.heap)} of the second`],
];
for (const [name, value] of rows) console.log(`${name.padEnd(38)}${value}`);
for (const line of cut) console.log(`cut off: ${line}`);
for (const line of lainlet.program.stderr.split("\n")) {
  if (line.includes("level=error")) console.log(line);
}

await Promise.all([...followers].map((one) => one[Symbol.asyncDispose]()));
const isGood = cut.length + differences + stale === 0 &&
  growth.resident <= mostGrowth && growth.heap <= mostGrowth;
console.log(isGood ? "Good." : "NOT good.");
if (!isGood) Deno.exitCode = 1;
