import type { Store } from "../store/store.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import type { Counters, ListenerInfo } from "./counters.ts";
import { type Static, Type } from "@sinclair/typebox";
import { quantile } from "./latency.ts";
import { heldBackReason } from "./readiness.ts";

/** What the figures of a lainlet are read from. */
export interface MetricsInput {
  readonly cluster: Cluster;
  readonly counters: Counters;
  readonly host: Host;
  readonly limits: {
    /** Live streams. */
    readonly listeners: number;
    /** The same, by their places. */
    readonly open: ReadonlyMap<number, ListenerInfo>;
    /** Live streams of each endpoint that ever had one, by path. */
    readonly perEndpoint: ReadonlyMap<string, number>;
    /** Streams that were one too many. */
    readonly refused: number;
    /** The same by the flag that limits them. */
    readonly refusals: ReadonlyMap<string, number>;
  };
  /** The age from which on the state counts as stale, in ms. */
  readonly staleAfter: number;
  readonly store: Pick<Store, "status">;
  readonly version: string;
  readonly views: {
    /** States that someone follows. */
    readonly topics: number;
  };
}

import process from "node:process";

/** How often what lainlet does is noted, in ms, and for how long that is kept. */
const SAMPLE_INTERVAL = 10_000;
const MAX_SAMPLES = 360;

/** How often whoever looks is told, in ms, and over how many of those rates are taken. */
const REFRESH_INTERVAL = 1_000;
const RATE_WINDOW = 5;

const Count = Type.Integer({ minimum: 0 });

/** What a lainlet did in the seconds up to a time. */
export type Sample = Static<typeof Sample>;
export const Sample = Type.Object({
  lag: Type.Number({ description: "Seconds since the state was confirmed." }),
  changes: Type.Number({ description: "Entries written or removed a second." }),
  deliveries: Type.Number({ description: "Events sent a second." }),
  bytes: Type.Number({ description: "Bytes sent in streams a second." }),
  delay50: Type.Number({
    description:
      "Seconds from reading a change until a listener took it, median; 0 when none did.",
  }),
  delay99: Type.Number({ description: "The same, 99th percentile." }),
  listeners: Count,
  cpu: Type.Number({ description: "Cores in use." }),
  memory: Type.Number({ description: "Bytes of resident memory." }),
}, {
  $id: "Sample",
  description: "Of the 10 s up to a time in seconds since 1970.",
});

/** How a lainlet is. */
export type RuntimeStatus = Static<typeof RuntimeStatus>;
export const RuntimeStatus = Type.Object({
  ...Sample.properties,
  version: Type.String(),
  host: Type.String({ description: "The name of its node." }),
  started: Type.Number({ description: "Seconds since 1970." }),
  staleAfter: Type.Number({
    description: "The age from which on the state counts as stale, in seconds.",
  }),
  stale: Type.Boolean({ description: "The state is older than it may be." }),
  problems: Type.Array(Type.String()),
  source: Type.String({ description: "Where the state comes from." }),
  revision: Count,
  reconnects: Count,
  missed: Count,
  differences: Type.Integer({
    description: "Keys that were not as in the store.",
  }),
  rejected: Type.Record(Type.String(), Type.String(), {
    description: "Why values are not taken, by key.",
  }),
  endpoints: Type.Record(Type.String(), Count, {
    description: "Streams by endpoint.",
  }),
  connections: Count,
  refused: Count,
  slow: Count,
  conflated: Count,
  topics: Count,
}, { $id: "RuntimeStatus" });

/** Counts that only grow. */
interface CounterSnapshot {
  /** In seconds, of a clock that nobody sets. */
  readonly time: number;
  readonly changes: number;
  readonly deliveries: number;
  readonly bytes: number;
  /** Deliveries by how long they took. */
  readonly latencies: readonly number[];
  /** In microseconds. */
  readonly cpu: number;
}

const seconds = () => performance.now() / 1000;

/** What a lainlet is doing, and did in the last hour. */
export class RuntimeStats {
  /** By the time of their end, in seconds since 1970; the oldest first. */
  readonly samples = new Map<number, Sample>();
  readonly #begin = seconds();
  readonly #started = Math.round(Date.now() / 1000);
  readonly #listeners = new Set<() => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  #refresh?: ReturnType<typeof setInterval>;
  #last: CounterSnapshot;
  /** The oldest first. */
  #recent: CounterSnapshot[];
  #version = 0;

  constructor(private readonly input: MetricsInput) {
    this.#last = this.#takeSnapshot();
    this.#recent = [this.#last];
    this.#timer = setInterval(() => this.#takeSample(), SAMPLE_INTERVAL);
    Deno.unrefTimer(this.#timer);
  }

  /** Another one whenever {@linkcode samples} are others. */
  get version(): number {
    return this.#version;
  }

  /** How it is at present; the rates are of the last seconds. */
  get current(): RuntimeStatus {
    const {
      cluster,
      counters,
      host,
      limits,
      store,
      staleAfter,
      version,
      views,
    } = this.input;
    const { source, revision, reconnects, missed, problems } = store.status;
    const sample = this.#sampleSince(this.#recent[0] ?? this.#last);
    const watchers = Object.values(cluster);
    const empty = heldBackReason(cluster);
    return {
      ...sample,
      version,
      host: host.hostname,
      started: this.#started,
      staleAfter: staleAfter / 1000,
      stale: sample.lag * 1000 > staleAfter || empty !== undefined ||
        watchers.some(({ saved }) => saved() !== undefined),
      problems: [...empty ? [empty] : [], ...problems],
      source,
      revision,
      reconnects,
      missed,
      differences: watchers.reduce((sum, one) => sum + one.differences, 0),
      rejected: Object.fromEntries(
        watchers.flatMap(({ name, rejected }) =>
          [...rejected].slice(0, 100).map(([key, { message }]) => [
            `${name}: ${key}`,
            message,
          ])
        ),
      ),
      endpoints: Object.fromEntries(limits.perEndpoint),
      connections: counters.connections,
      refused: limits.refused,
      slow: counters.slow,
      conflated: counters.conflated,
      topics: views.topics,
    };
  }

  /** Calls back every second. @returns ends that */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#refresh ??= setInterval(() => {
      for (const listener of this.#listeners) listener();
      this.#recent = [...this.#recent, this.#takeSnapshot()].slice(
        -RATE_WINDOW,
      );
    }, REFRESH_INTERVAL);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#refresh);
      this.#refresh = undefined;
    };
  }

  close(): void {
    clearInterval(this.#timer);
    clearInterval(this.#refresh);
  }

  #takeSample(): void {
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
    const totals = this.#takeSnapshot();
    // At once after the last look there is no rate yet.
    const elapsed = Math.max(0.1, totals.time - last.time);
    const rate = (name: Exclude<keyof CounterSnapshot, "latencies" | "time">) =>
      (totals[name] - last[name]) / elapsed;
    const { cluster, limits } = this.input;
    // There is no Infinity in JSON: before the first read it is as old as lainlet.
    const ages = Object.values(cluster).map(({ age }) =>
      Number.isFinite(age()) ? age() / 1000 : seconds() - this.#begin
    );
    const delays = totals.latencies.map((n, i) => n - (last.latencies[i] ?? 0));
    return {
      lag: rounded(Math.max(...ages)),
      changes: rounded(rate("changes")),
      deliveries: rounded(rate("deliveries")),
      bytes: Math.round(rate("bytes")),
      delay50: rounded(quantile(0.5, delays), 1e6),
      delay99: rounded(quantile(0.99, delays), 1e6),
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

/** Entries that were written or removed; what is derived from them does not count. */
export function countChanges(
  { config, depends, nodes, podgroup }: Cluster,
): number {
  return [config, depends, nodes, podgroup]
    .reduce((sum, { changes }) => sum + changes, 0);
}

function rounded(number: number, parts = 1000): number {
  return Math.round(number * parts) / parts;
}
