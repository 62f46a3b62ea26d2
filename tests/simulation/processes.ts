/**
 * Processes that run stories. An import map replaces real modules by simulated
 * ones; the code itself is unchanged.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import type { Fault } from "./faults.ts";
import type { Run } from "./story.ts";

const ROOT = new URL("../../", import.meta.url);

/** Packages that simulated modules replace. */
const SIMULATED = { etcd3: new URL("etcd3.ts", import.meta.url).href };

/** Replaces `gzip`, which runs on another thread in real time; an import map cannot replace a module of the runtime. */
const COMPRESSION = {
  file: "lib/broadcast/state.ts",
  text: 'import { gzip } from "node:zlib";',
  faulty: `import { gzip } from "${new URL("zlib.ts", import.meta.url).href}";`,
};

/** The simulated stores, by their names in `--store`. */
export const STORES = ["etcd", "etcd2", "zookeeper"] as const;

export type StoreName = typeof STORES[number];

/** The largest seed: a story depends on its seed modulo 2^31 - 1, which must not be 0. */
export const MAX_SEED = 2 ** 31 - 2;

/** The input of one process. */
export interface Runs {
  readonly runs: readonly Run[];
  /** The process ends after this many failures; absent: after its last run. */
  readonly until?: number;
}

/** A run that failed, as a process prints it; for a run that passed it prints `null`. */
export interface Failed extends Run {
  /** See `Violation.kind` in `listener.ts`. */
  readonly kind: string;
  readonly message: string;
}

/** Runs distributed over the stores, each with the seeds from `first` on. */
export function runsOf(
  stores: readonly StoreName[],
  first: number,
  count: number,
): Run[] {
  const seeds = Array.from(
    { length: Math.ceil(count / stores.length) },
    (_, i) => first + i,
  );
  return seeds.flatMap((seed) => stores.map((store) => ({ store, seed })))
    .slice(0, count);
}

/** The runs of `seeds.txt`: each line, except comments, begins with a store and a seed. */
export async function knownRuns(
  stores: readonly StoreName[],
): Promise<Run[]> {
  const text = await Deno.readTextFile(new URL("seeds.txt", import.meta.url));
  return text.split("\n").flatMap((line) => {
    const [name, seed] = line.split(/ +/);
    const store = stores.find((one) => one === name);
    return store === undefined ? [] : [{ store, seed: Number(seed) }];
  });
}

/**
 * Runs stories, on all cores.
 *
 * @param until a process ends after this many failures; default: after its last run
 * @param fault is put into the code
 * @param onEnd called after each run, with its failure, if any
 * @returns the failed runs, sorted by seed
 * @throws {Error} when a process ends before its last run
 */
export async function failures(
  runs: readonly Run[],
  { until, fault, onEnd }: {
    readonly until?: number;
    readonly fault?: Fault;
    onEnd?(failed: Failed | null): void;
  } = {},
): Promise<Failed[]> {
  const failed: Failed[] = [];
  const take = (line: string) => {
    const result: Failed | null = JSON.parse(line);
    if (result !== null) failed.push(result);
    onEnd?.(result);
  };
  const step = Math.min(navigator.hardwareConcurrency, runs.length);
  await Promise.all(
    Array.from({ length: step }, async (_, i) => {
      const part: Runs = { runs: runs.filter((_, k) => k % step === i), until };
      const isGood = await run(part, take, fault);
      if (!isGood) throw new Error("a process ended before its last seed");
    }),
  );
  return failed.sort((a, b) => a.seed - b.seed);
}

/** The story of one seed; if it fails, shortened to the operations that it needs. */
export async function story(
  one: Run,
): Promise<{ isGood: boolean; text: string }> {
  const lines: string[] = [];
  const isGood = await run(one, (line) => lines.push(line));
  return { isGood, text: lines.join("\n") };
}

/**
 * Runs `run.ts` in a process.
 *
 * @param input its standard input
 * @param onLine called with each line of its output
 * @returns whether it ended with 0
 */
async function run(
  input: Run | Runs,
  onLine: (line: string) => void,
  fault?: Fault,
): Promise<boolean> {
  const imports = {
    ...config.imports,
    ...SIMULATED,
    ...await withFault(COMPRESSION),
    ...fault && await withFault(fault),
  };
  const map = encodeURIComponent(JSON.stringify({ imports }));
  const command = new Deno.Command("deno", {
    args: [
      "run",
      "--no-check",
      "--no-prompt",
      "--ignore-env",
      "--unstable-no-legacy-abort",
      "--allow-sys=hostname,uid",
      "--allow-read",
      // The folder of the simulated disks: nothing is written there.
      "--allow-write=/simulated",
      `--import-map=data:application/json,${map}`,
      new URL("run.ts", import.meta.url).href,
    ],
    // Thousands of seeds are too long for an argument.
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  });
  await using child = command.spawn();
  const read = async () => {
    let last = "";
    const texts = child.stdout.pipeThrough(new TextDecoderStream());
    for await (const text of texts) {
      const lines = (last + text).split("\n");
      last = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    }
  };
  const [{ success }] = await Promise.all([
    child.status,
    read(),
    ReadableStream.from([new TextEncoder().encode(JSON.stringify(input))])
      .pipeTo(child.stdin),
  ]);
  return success;
}

/** Import map entry that replaces a file by its text with a fault. */
async function withFault(
  { file, text, faulty }: Omit<Fault, "name">,
): Promise<Record<string, string>> {
  const url = new URL(file, ROOT);
  const source = await Deno.readTextFile(url);
  if (source.split(text).length !== 2) {
    throw new Error(`${file} does not have this once: ${text}`);
  }
  // Relative imports resolve from the original file, not from its copy.
  const moved = source.replace(text, () => faulty).replace(
    /(from |import\()"(\.[^"]*)"/g,
    (_, before, path) => `${before}"${new URL(path, url).href}"`,
  );
  return {
    [url.href]: `data:application/typescript,${encodeURIComponent(moved)}`,
  };
}
