import process from "node:process";
import { type Static, Type } from "@sinclair/typebox";
import type { Store } from "../store/store.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import type { Counters, ListenerInfo } from "./counters.ts";
import { quantile } from "./latency.ts";
import { heldBackReason } from "./readiness.ts";

/** `outdated`: only the last good version of a file can be used. */
export const API_FILE_STATUSES = ["served", "outdated", "failed"] as const;

/** Status of an API file. */
export interface ApiFileStatus {
  readonly file: string;
  /** Those that are served. */
  readonly paths: readonly string[];
  readonly status: typeof API_FILE_STATUSES[number];
  /** Why it is not served as it is now; "" if it is. */
  readonly reason: string;
  /** How many values and members its functions failed for. */
  readonly rejections: number;
  /** The keys for whose present values they fail, at most 100. */
  rejectedIn(cluster: Cluster): readonly string[];
}

/** Status of the API files of a folder. */
export interface ApiFilesStatus {
  readonly folder: string;
  /** Why the folder cannot be read; "" if it can. */
  readonly problem: string;
  readonly files: readonly ApiFileStatus[];
  /** How often a file, or the folder, could not be used as it was. */
  readonly failures: number;
}

/** What statistics and metrics are read from: a lainlet. */
export interface MetricsInput {
  /** Undefined: it has none. */
  readonly apiFiles?: ApiFilesStatus;
  readonly cluster: Cluster;
  readonly counters: Counters;
  readonly host: Host;
  readonly limits: {
    /** Number of open listeners. */
    readonly listeners: number;
    /** Open listeners by slot. */
    readonly open: ReadonlyMap<number, ListenerInfo>;
    /** Number of open listeners by path, of each endpoint that ever had one and is served. */
    readonly perEndpoint: ReadonlyMap<string, number>;
    /** Number of listeners that were refused. */
    readonly refused: number;
    /** Number of refused listeners by the flag that limits them. */
    readonly refusals: ReadonlyMap<string, number>;
  };
  /** Age above which the state is stale, in ms. */
  readonly staleAfter: number;
  readonly store: Pick<Store, "status">;
  readonly version: string;
  readonly views: {
    /** Number of states that streams carry. */
    readonly topics: number;
  };
}

/** When something began; in ms since 1970. */
interface BeginningTime {
  readonly isAtLeast: boolean;
  readonly time: number;
}

/** When something of a name began. */
type NamedBeginning = readonly [name: string, BeginningTime];

/** What statistics are read from. */
interface StatsInput extends MetricsInput {
  readonly changeLog: { readonly history: History };
  /** Since when they are overcommitted, by name and resource. */
  readonly overcommittedNodes: {
    readonly since: Iterable<
      readonly [name: string, Partial<Record<"CPU" | "memory", BeginningTime>>]
    >;
  };
  /** Since when they are not registered, by key. */
  readonly removedNodes: { readonly since: Iterable<NamedBeginning> };
}

/** Time between samples, in ms, and how many are kept: one hour. */
const SAMPLE_INTERVAL = 10_000;
const MAX_SAMPLES = 360;

/** Time between updates for subscribers, in ms, and over how many of them current rates are averaged. */
const REFRESH_INTERVAL = 1_000;
const RATE_WINDOW = 5;

const Count = Type.Integer({ minimum: 0 });

/** Statistics of an interval. */
export type Sample = Static<typeof Sample>;
export const Sample = Type.Object({
  lag: Type.Number({ description: "Seconds since the state was confirmed." }),
  changes: Type.Number({
    description: "Entries written or removed per second.",
  }),
  deliveries: Type.Number({ description: "Events sent per second." }),
  bytes: Type.Number({ description: "Bytes sent in streams per second." }),
  delay50: Type.Number({
    description:
      "Median of the seconds from reading a change until a listener took it; 0 if none did.",
  }),
  delay99: Type.Number({ description: "The same, 99th percentile." }),
  listeners: Count,
  cpu: Type.Number({ description: "Cores in use." }),
  memory: Type.Number({ description: "Bytes of resident memory." }),
}, {
  $id: "Sample",
  description: "Statistics of the 10 s before a time.",
});

const Time = Type.String({ description: "RFC 3339." });

/** How far back the history of changes goes. */
export type History = Static<typeof History>;
export const History = Type.Object({
  begin: Type.String({
    description:
      "RFC 3339. All changes since then are recorded, except in gaps. Empty: the store was not read yet.",
  }),
  gaps: Type.Array(Type.Object({ begin: Time, end: Time }), {
    description:
      "Times at which lainlet did not run, the oldest first. Of changes then only the result is recorded.",
  }),
}, { $id: "History" });

const Beginning = Type.Object({
  time: Time,
  isAtLeast: Type.Boolean({
    description: "Whether it may have begun before that time.",
  }),
}, { $id: "Beginning" });

/** Current status and statistics of a lainlet. */
export type RuntimeStatus = Static<typeof RuntimeStatus>;
export const RuntimeStatus = Type.Object({
  ...Sample.properties,
  version: Type.String(),
  host: Type.String({ description: "Name of the node." }),
  started: Type.Number({ description: "Seconds since 1970." }),
  history: History,
  staleAfter: Type.Number({
    description: "Age above which the state is stale, in seconds.",
  }),
  stale: Type.Boolean({ description: "Whether the state is stale." }),
  problems: Type.Array(Type.String()),
  problemsSince: Type.Record(Type.String(), Beginning, {
    description: "Since when these problems are reported, to 10 s.",
  }),
  source: Type.String({ description: "Where the state is read from." }),
  revision: Count,
  reconnects: Count,
  missed: Count,
  differences: Type.Integer({
    description: "Keys that differed from the store when they were verified.",
  }),
  rejected: Type.Record(Type.String(), Type.String(), {
    description: "Reasons why invalid values are ignored, by key.",
  }),
  rejectedSince: Type.Record(Type.String(), Beginning, {
    description: "Since when the values of these keys are invalid.",
  }),
  unregisteredSince: Type.Record(Type.String(), Beginning, {
    description:
      "Since when nodes that were removed from the store are not registered, by key, as far as the history says.",
  }),
  overcommittedSince: Type.Record(
    Type.String(),
    Type.Object({
      CPU: Type.Optional(Beginning),
      memory: Type.Optional(Beginning),
    }),
    {
      description:
        "Since when limits of containers reserve more of a node than it has, by its name.",
    },
  ),
  endpoints: Type.Record(Type.String(), Count, {
    description: "Number of streams by endpoint.",
  }),
  connections: Count,
  refused: Count,
  slow: Count,
  conflated: Count,
  topics: Count,
}, { $id: "RuntimeStatus" });

/** Values of counters at a time. */
interface CounterSnapshot {
  /** In seconds, as `performance.now()`. */
  readonly time: number;
  readonly changes: number;
  readonly deliveries: number;
  readonly bytes: number;
  /** Deliveries by bucket of their latency. */
  readonly latencies: readonly number[];
  /** In microseconds. */
  readonly cpu: number;
}

const seconds = () => performance.now() / 1000;

/** Statistics of a lainlet: current ones, and those of the last hour. */
export class RuntimeStats {
  /** Samples by end time in seconds since 1970, the oldest first. */
  readonly samples = new Map<number, Sample>();
  readonly #begin = seconds();
  readonly #started = Math.round(Date.now() / 1000);
  readonly #subscribers = new Set<() => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  #refresh?: ReturnType<typeof setInterval>;
  #last: CounterSnapshot;
  /** Snapshots of the last seconds, the oldest first. */
  #recent: CounterSnapshot[];
  /** When each problem was first seen, as long as there is one. */
  #problems = new Map<string, BeginningTime>();
  #version = 0;

  constructor(private readonly input: StatsInput) {
    this.#last = this.#takeSnapshot();
    this.#recent = [this.#last];
    this.#timer = setInterval(() => this.#takeSample(), SAMPLE_INTERVAL);
    Deno.unrefTimer(this.#timer);
  }

  /** Changes whenever {@linkcode samples} do. */
  get version(): number {
    return this.#version;
  }

  /** Current status; rates are those of the last seconds. */
  get current(): RuntimeStatus {
    const {
      changeLog,
      cluster,
      counters,
      host,
      limits,
      overcommittedNodes,
      removedNodes,
      store,
      staleAfter,
      version,
      views,
    } = this.input;
    const { source, revision, reconnects, missed } = store.status;
    const problems = this.#readProblems();
    const sample = this.#sampleSince(this.#recent[0] ?? this.#last);
    const watchers = Object.values(cluster);
    const rejected = watchers.flatMap(({ name, rejected }) =>
      [...rejected].slice(0, 100)
        .map(([key, one]) => [`${name}: ${key}`, one] as const)
    );
    return {
      ...sample,
      version,
      host: host.hostname,
      started: this.#started,
      history: changeLog.history,
      staleAfter: staleAfter / 1000,
      stale: sample.lag * 1000 > staleAfter ||
        heldBackReason(cluster) !== undefined ||
        watchers.some(({ saved }) => saved() !== undefined),
      problems: [...problems.keys()],
      problemsSince: beginningsJson(problems),
      source,
      revision,
      reconnects,
      missed,
      differences: watchers.reduce((sum, one) => sum + one.differences, 0),
      rejected: Object.fromEntries(
        rejected.map(([name, { message }]) => [name, message]),
      ),
      rejectedSince: beginningsJson(rejected),
      unregisteredSince: beginningsJson(removedNodes.since),
      overcommittedSince: Object.fromEntries(
        Array.from(overcommittedNodes.since, ([name, since]) => [
          name,
          beginningsJson(Object.entries(since)),
        ]),
      ),
      endpoints: Object.fromEntries(limits.perEndpoint),
      connections: counters.connections,
      refused: limits.refused,
      slow: counters.slow,
      conflated: counters.conflated,
      topics: views.topics,
    };
  }

  /** Calls back every second. @returns ends the subscription */
  subscribe(onRefresh: () => void): () => void {
    this.#subscribers.add(onRefresh);
    this.#refresh ??= setInterval(() => {
      for (const notify of this.#subscribers) notify();
      this.#recent = [...this.#recent, this.#takeSnapshot()].slice(
        -RATE_WINDOW,
      );
    }, REFRESH_INTERVAL);
    return () => {
      this.#subscribers.delete(onRefresh);
      if (this.#subscribers.size > 0) return;
      clearInterval(this.#refresh);
      this.#refresh = undefined;
    };
  }

  close(): void {
    clearInterval(this.#timer);
    clearInterval(this.#refresh);
  }

  #readProblems(): ReadonlyMap<string, BeginningTime> {
    const { cluster, store } = this.input;
    const heldBack = heldBackReason(cluster);
    const lines = [...heldBack ? [heldBack] : [], ...store.status.problems];
    const now = { time: Date.now(), isAtLeast: false };
    this.#problems = new Map(
      lines.map((line) => [line, this.#problems.get(line) ?? now]),
    );
    return this.#problems;
  }

  #takeSample(): void {
    this.#readProblems();
    this.samples.set(
      Math.round(Date.now() / 1000),
      this.#sampleSince(this.#last),
    );
    const [oldest] = this.samples.keys();
    if (this.samples.size > MAX_SAMPLES && oldest !== undefined) {
      this.samples.delete(oldest);
    }
    this.#last = this.#takeSnapshot();
    if (this.#refresh === undefined) this.#recent = [this.#last];
    this.#version++;
  }

  #sampleSince(last: CounterSnapshot): Sample {
    const current = this.#takeSnapshot();
    // A rate over a shorter time would mean nothing.
    const elapsed = Math.max(0.1, current.time - last.time);
    const rate = (name: Exclude<keyof CounterSnapshot, "latencies" | "time">) =>
      (current[name] - last[name]) / elapsed;
    const { cluster, limits } = this.input;
    // JSON has no Infinity: before the first read, the age is that of the process.
    const ages = Object.values(cluster).map(({ age }) =>
      Number.isFinite(age()) ? age() / 1000 : seconds() - this.#begin
    );
    const latencies = current.latencies
      .map((count, i) => count - (last.latencies[i] ?? 0));
    return {
      lag: rounded(Math.max(...ages)),
      changes: rounded(rate("changes")),
      deliveries: rounded(rate("deliveries")),
      bytes: Math.round(rate("bytes")),
      delay50: rounded(quantile(0.5, latencies), 1e6),
      delay99: rounded(quantile(0.99, latencies), 1e6),
      listeners: limits.listeners,
      cpu: rounded(rate("cpu") / 1e6),
      memory: Deno.memoryUsage().rss,
    };
  }

  #takeSnapshot(): CounterSnapshot {
    const { cluster, counters } = this.input;
    const { user, system } = process.cpuUsage();
    return {
      time: seconds(),
      changes: countChanges(cluster),
      deliveries: counters.deliveries,
      bytes: counters.bytes,
      latencies: counters.latency.counts,
      cpu: user + system,
    };
  }
}

/** Returns how many entries were written or removed; derived ones do not count. */
export function countChanges(
  { config, depends, nodes, podgroup }: Cluster,
): number {
  return [config, depends, nodes, podgroup]
    .reduce((sum, { changes }) => sum + changes, 0);
}

function beginningsJson(
  beginnings: Iterable<NamedBeginning>,
): RuntimeStatus["rejectedSince"] {
  return Object.fromEntries(
    Array.from(beginnings, ([name, { isAtLeast, time }]) => [
      name,
      { time: new Date(time).toISOString(), isAtLeast },
    ]),
  );
}

function rounded(number: number, parts = 1_000): number {
  return Math.round(number * parts) / parts;
}
