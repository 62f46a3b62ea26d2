import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { BUCKET_BOUNDS, type DeliveryLatency, SAMPLE_RATE } from "./latency.ts";
import { notReadyReasons } from "./readiness.ts";
import { countChanges, type MetricsInput } from "./stats.ts";
import type { Cluster } from "../watcher/cluster.ts";

/** Gauges and counters of what is counted elsewhere: it is read when somebody asks. */
export class MetricsRegistry extends Registry {
  gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this],
      collect() {
        this.set(value());
      },
    });
  }

  counter(name: string, help: string, value: () => number): void {
    new Counter({
      name,
      help,
      registers: [this],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  }

  /** @param values by what the label is; few, as each has a time series of its own */
  labelled(
    kind: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    label: string,
    values: () => Iterable<readonly [string, number]>,
  ): void {
    new kind({
      name,
      help,
      labelNames: [label],
      registers: [this],
      collect() {
        this.reset();
        for (const [by, value] of values()) this.inc({ [label]: by }, value);
      },
    });
  }
}

/**
 * Delays as a histogram in Prometheus' text format: prom-client's own takes
 * no counts that were made elsewhere.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function histogramText(
  name: string,
  help: string,
  { counts, sum }: Pick<DeliveryLatency, "counts" | "sum">,
): string {
  let upTo = 0;
  const buckets = counts.map((count, i) =>
    `${name}_bucket{le="${BUCKET_BOUNDS[i] ?? "+Inf"}"} ${upTo += count}\n`
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} histogram\n` +
    `${buckets.join("")}${name}_sum ${sum}\n${name}_count ${upTo}\n`;
}

import process from "node:process";

/** In seconds: what is kept is answered in microseconds, a large state that is not in some ms. */
const DURATION_BUCKETS = [
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  1,
];

/**
 * What a lainlet measures of itself.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */
export class Metrics {
  readonly #registry = new MetricsRegistry();
  readonly #durations: Histogram<"endpoint" | "code">;

  constructor(private readonly input: MetricsInput) {
    this.#durations = new Histogram({
      name: "lainlet_request_duration_seconds",
      help:
        "Time to make an answer, sending it not included; streams are not here. The code is HTTP's, or gRPC's where the endpoint is a method of it.",
      labelNames: ["endpoint", "code"],
      buckets: DURATION_BUCKETS,
      registers: [this.#registry],
    });
    this.#addProcess();
    this.#addStore();
    this.#addStreams();
  }

  /** Of {@linkcode text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics, in Prometheus' text format. */
  async text(): Promise<string> {
    const delays = histogramText(
      "lainlet_delivery_delay_seconds",
      `Time from reading the newest change in an event from the store until a listener took the event, of one event in ${SAMPLE_RATE}. First states are not here.`,
      this.input.counters.latency,
    );
    return `${await this.#registry.metrics()}\n${delays}`;
  }

  /**
   * Notes an answer.
   *
   * @param endpoint one of few: each has a time series of its own
   * @param time to make it, in ms
   */
  observe(endpoint: string, code: number, time: number): void {
    this.#durations.observe({ endpoint, code }, time / 1000);
  }

  #addProcess(): void {
    const start = Date.now() / 1000 - process.uptime();
    this.#registry.gauge(
      "process_start_time_seconds",
      "When the process started, in seconds since 1970.",
      () => start,
    );
    this.#registry.counter(
      "process_cpu_seconds_total",
      "CPU time of all threads, in user and in system mode.",
      () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1e6;
      },
    );
    this.#registry.gauge(
      "process_resident_memory_bytes",
      "Resident memory.",
      () => Deno.memoryUsage().rss,
    );
    this.#registry.gauge(
      "lainlet_heap_bytes",
      "Memory of the main thread's objects.",
      () => Deno.memoryUsage().heapUsed,
    );
    const { version } = this.input;
    new Gauge({
      name: "lainlet_build_info",
      help: "1; the labels are lainlet's version and that of its Deno runtime.",
      labelNames: ["version", "deno"],
      registers: [this.#registry],
    }).set({ version, deno: Deno.version.deno }, 1);
  }

  #addStore(): void {
    const { cluster, store, staleAfter } = this.input;
    this.#registry.gauge(
      "lainlet_ready",
      "1 when the state is complete and current, as /readyz says; else 0.",
      () => Number(notReadyReasons(this.input).length === 0),
    );
    this.#registry.gauge(
      "lainlet_store_revision",
      "The last revision of the store that was read.",
      () => store.status.revision,
    );
    this.#registry.counter(
      "lainlet_store_reconnects_total",
      "Connections to the store after the first one.",
      () => store.status.reconnects,
    );
    this.#registry.counter(
      "lainlet_store_missed_changes_total",
      "Changes that a watch of the store proved to have missed, which was mended.",
      () => store.status.missed,
    );
    this.#registry.counter(
      "lainlet_store_changes_total",
      "Entries that were written or removed.",
      () => countChanges(cluster),
    );
    this.#registry.gauge(
      "lainlet_stale_after_seconds",
      "The lag from which on the state counts as stale.",
      () => staleAfter / 1000,
    );
    const perWatcher = (
      kind: typeof Gauge | typeof Counter,
      name: string,
      help: string,
      value: (watcher: Cluster[keyof Cluster]) => number,
    ) =>
      this.#registry.labelled(
        kind,
        name,
        help,
        "watcher",
        () =>
          Object.values(cluster).map((
            watcher,
          ) => [watcher.name, value(watcher)]),
      );
    perWatcher(
      Gauge,
      "lainlet_store_lag_seconds",
      "Time since a subtree was known to be the store's.",
      (watcher) => watcher.age() / 1000,
    );
    perWatcher(
      Gauge,
      "lainlet_store_keys",
      "Entries that are held.",
      (watcher) => watcher.size,
    );
    perWatcher(
      Gauge,
      "lainlet_rejected_values",
      "Values of the store that are not taken at present.",
      (watcher) => watcher.rejected.size,
    );
    perWatcher(
      Counter,
      "lainlet_mirror_differences_total",
      "Keys that were not as in the store when that was compared.",
      (watcher) => watcher.differences,
    );
  }

  #addStreams(): void {
    const { counters, limits, views } = this.input;
    this.#registry.gauge(
      "lainlet_connections",
      "Open requests and streams.",
      () => counters.connections,
    );
    this.#registry.counter(
      "lainlet_out_of_descriptors_seconds_total",
      "Time without file descriptors for new connections, looked at each second.",
      () => counters.outOfDescriptors,
    );
    this.#registry.gauge(
      "lainlet_topics",
      "Different states that streams are fed from.",
      () => views.topics,
    );
    this.#registry.labelled(
      Gauge,
      "lainlet_listeners",
      "Open streams, and GETs that wait.",
      "endpoint",
      () => limits.perEndpoint,
    );
    this.#registry.gauge(
      "lainlet_listeners_behind",
      "Open streams that have a newer state to take than they took, looked at each second.",
      () =>
        limits.open.keys()
          .filter((place) => counters.slots.behindSince(place) > 0)
          .reduce((count) => count + 1, 0),
    );
    this.#registry.labelled(
      Counter,
      "lainlet_listeners_refused_total",
      "Streams that were one too many; the reason is the flag that limits them.",
      "reason",
      () => limits.refusals,
    );
    this.#registry.counter(
      "lainlet_listeners_slow_total",
      "Streams that were ended because their client did not read.",
      () => counters.slow,
    );
    this.#registry.counter(
      "lainlet_deliveries_total",
      "States and patches that were sent in streams.",
      () => counters.deliveries,
    );
    this.#registry.counter(
      "lainlet_conflated_states_total",
      "States that were not sent to a slow listener, as there was a newer one.",
      () => counters.conflated,
    );
    this.#registry.counter(
      "lainlet_stream_bytes_total",
      "Bytes that were sent in streams.",
      () => counters.bytes,
    );
  }
}
