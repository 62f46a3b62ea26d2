import { get } from "../../tests/util/client.ts";
import { TestEtcd } from "../../tests/util/etcd.ts";
import { TARGETS } from "../../tests/util/lainlet_process.ts";
import { eventually, freePort, Program } from "../../tests/util/process.ts";
import { compile, type Runtime } from "../compiler.ts";
import { pause, startLainlet, startLoad } from "./processes.ts";
import { writeCluster } from "../../tests/fixtures/many_groups.ts";
import { figure, type Settings, type Table } from "./table.ts";

const GROUPS = 1_000;
/** A second. */
const CHANGES = 20;

/** Who listens on a node: routers, what collects logs, the network agent, some apps. */
const LISTENERS = [
  "webrouter/webprocs",
  "streamrouter/streamprocs",
  "rebellion/localprocs",
  "depends",
  "containers?nodename=node7",
  "configwatcher?target=vips",
  "proxywatcher?appname=app00007",
  "coreinfowatcher?appname=app00011",
];

/** Where a bare server's executable is made. */
const BARE = `${import.meta.dirname}/../../dist/bare`;

/** A part of an executable that is the runtime's alone, in bytes. */
const RUNTIME = [1_000_000, 9_000_000] as const;

/** A bare `Deno.serve`: from source, or compiled with the runtime that lainlet was compiled with. */
export async function startBare(target: Settings["target"]): Promise<Program> {
  const port = freePort();
  const [command, ...args] = target === "binary"
    ? [await compileBare()]
    : ["deno", "run", "--allow-net=127.0.0.1", "scripts/bench/bare.ts"];
  const program = new Program(command, [...args, String(port)]);
  await eventually("it serves", () => get(`http://127.0.0.1:${port}/`));
  return program;
}

async function compileBare(): Promise<string> {
  const [lainlet] = TARGETS.binary;
  for (const runtime of ["deno", "npm"] satisfies Runtime[]) {
    try {
      await compile(
        {
          folder: `${import.meta.dirname}`,
          main: "bare.ts",
          included: [],
          options: ["--allow-net=127.0.0.1"],
        },
        BARE,
        runtime,
      );
    } catch (error) {
      if (runtime === "npm") throw error;
      continue;
    }
    if (await hashOf(BARE) === await hashOf(lainlet)) return BARE;
  }
  throw new Error(`${lainlet} was compiled with another runtime`);
}

/** Of the runtime in an executable. */
async function hashOf(path: string): Promise<string> {
  const [from, to] = RUNTIME;
  using file = await Deno.open(path);
  await file.seek(from, Deno.SeekMode.Start);
  const bytes = new Uint8Array(to - from);
  for (let at = 0, count; at < bytes.length; at += count) {
    count = await file.read(bytes.subarray(at)) ?? 0;
    if (count === 0) throw new Error(`${path} is too short`);
  }
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(hash).toHex();
}

/** What a process that has nothing to do takes, in MB: the least of some seconds. */
export async function idleOf(program: Program, seconds: number) {
  let least = Infinity;
  for (let i = 0; i < 2 * seconds; i++) {
    await pause(0.5);
    least = Math.min(least, await program.memory());
  }
  return least;
}

/** What lainlet takes on a node, beside a bare server of the same runtime. */
export async function node({ target, seconds }: Settings): Promise<Table> {
  const rows: string[][] = [];
  await using bare = await startBare(target);
  const least = await idleOf(bare, seconds);
  const add = (name: string, megabytes: number) =>
    rows.push([name, `${figure(megabytes)} MB`, figure(megabytes / least)]);
  add("a bare `Deno.serve`", least);
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/bench": "x" });
  {
    await using lainlet = (await startLainlet({ target }, etcd, 1)).lainlet;
    add("idle, with one key", await idleOf(lainlet.program, seconds));
  }
  const { key, value } = await writeCluster(etcd, GROUPS);
  const { lainlet, port } = await startLainlet({ target }, etcd, 1);
  await using _lainlet = lainlet;
  await using load = await startLoad(etcd);
  for (const view of LISTENERS) {
    const path = `/v2/${view}${view.includes("?") ? "&" : "?"}watch=1`;
    await load.call("listen", { port, path, count: 1, first: true });
  }
  const { program } = lainlet;
  const cluster = `${figure(GROUPS)} pod groups, ${LISTENERS.length} listeners`;
  add(cluster, await idleOf(program, seconds));
  // The heap gets to its size.
  const work = { seconds: 6 * seconds, rate: CHANGES, key, value };
  const working = load.call("run", work);
  await pause(5 * seconds);
  add(
    `the same, ${CHANGES} changes a second`,
    await idleOf(program, seconds),
  );
  await working;
  return { head: ["lainlet, one thread", "resident", "of the bare one"], rows };
}
