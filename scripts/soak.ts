/**
 * Lets lainlet live through random writes and random faults of its store and the
 * network, with listeners that come and go, and says what became of them.
 *
 *     deno task soak [--minutes=10] [--seed=N] [--target=source|binary] [--store=etcd|etcd2|zookeeper]
 *
 * Ends with 1 when a listener was cut off or is stale at the end, when the
 * state differed from the store's, or when memory grew by more than a fifth.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { get } from "../tests/util/client.ts";
import { GOLDEN_HOST, LainletProcess } from "../tests/util/lainlet.ts";
import { Model, Random } from "../tests/util/model.ts";
import { eventually } from "../tests/util/process.ts";
import { type Fault, Proxy } from "../tests/util/proxy.ts";
import { KIND_NAMES, KINDS, startStore } from "../tests/util/stores.ts";
import {
  Follower,
  freshAnswers,
  isPatchable,
  PATHS,
} from "../tests/util/witness.ts";
import { ensurePrograms } from "./setup.ts";

const LISTENERS = 200;
/** Time between writes, at most, in ms. */
const PACE = 40;
/** Memory may grow by so much; in a run of a few minutes the heap is still getting to its size. */
const GROWTH = 0.2;
const EARLY_GROWTH = 0.4;
/** How long that is, in minutes. */
const EARLY = 5;

const {
  minutes = "10",
  seed = String(Date.now() % 1e6),
  target = "source",
  store: name = "etcd",
} = parseArgs(Deno.args, {
  string: ["minutes", "seed", "target", "store"],
  boolean: [],
  alias: {},
  unknown: (arg) => usage(`unknown argument ${arg}`),
});
if (target !== "source" && target !== "binary") {
  usage("--target must be source or binary");
}
const store = KIND_NAMES.find((kind) => kind === name) ??
  usage(`--store must be one of ${KIND_NAMES.join(", ")}`);
const duration = Number(minutes) * 60_000;
if (!(duration > 0)) usage("--minutes must be a number");
const mostGrowth = Number(minutes) < EARLY ? EARLY_GROWTH : GROWTH;
const random = new Random(Number(seed) || 1);
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

/** Everything that goes wrong; each mends itself. */
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

function usage(message: string): never {
  console.error(`soak: ${message}`);
  Deno.exit(2);
}

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

/** Lainlet's memory, in MB: the least of some seconds. */
async function memory(): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 10; i++) {
    least = Math.min(least, await lainlet.program.memory());
    await pause(500);
  }
  return Math.round(least);
}

console.log(
  `${minutes} minutes with ${target} on ${store}, --seed=${seed}, ` +
    `${LISTENERS} listeners.`,
);
const start = Date.now();
const working = Promise.all([
  write(),
  fault(),
  ...Array.from({ length: LISTENERS }, listen),
]);
/** Lets them work for some time, in ms; throws when one of them fails. */
const work = (ms: number) => Promise.race([working, pause(ms)]);
// The heap and its code need a while to get to their size.
await work(Math.min(duration / 2, 180_000));
const before = await memory();
await work(Math.max(0, start + duration - 5_000 - Date.now()));
let after = await memory();
// Garbage is collected some time; what leaks is there for good.
for (let tries = 0; tries < 3 && after / before - 1 > mostGrowth; tries++) {
  after = await memory();
}
isOver = true;
await working;

const fresh = await freshAnswers(await backend.content());
const isStale = (follower: Follower) =>
  follower.text !== follower.textOf(fresh.get(follower.path)?.body ?? "");
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
const growth = after / before - 1;

const kinds = [...faults].map(([name, count]) => `${name} ${count}`);
const rows: [string, number | string][] = [
  ["writes", writes],
  ["faults", `${kinds.join(", ")}`],
  ["reconnects", debug.store.reconnects],
  ["changes that a watch missed, mended", debug.store.missed],
  ["listeners that came", opened],
  ["events delivered", events],
  ["listeners cut off", cut.length],
  ["mirror differences", differences],
  ["stale listeners at the end", stale],
  ["memory after the start, MB", before],
  ["memory at the end, MB", `${after} (${Math.round(growth * 100)}%)`],
];
for (const [name, value] of rows) console.log(`${name.padEnd(38)}${value}`);
for (const line of cut) console.log(`cut off: ${line}`);
for (const line of lainlet.program.stderr.split("\n")) {
  if (line.includes("level=error")) console.log(line);
}

await Promise.all([...followers].map((one) => one[Symbol.asyncDispose]()));
const isGood = cut.length + differences + stale === 0 && growth <= mostGrowth;
console.log(isGood ? "Good." : "NOT good.");
if (!isGood) Deno.exitCode = 1;
