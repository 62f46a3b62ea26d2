import process from "node:process";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Cluster } from "../watcher/cluster.ts";
import { BUCKET_BOUNDS, type DeliveryLatency, SAMPLE_RATE } from "./latency.ts";
import { notReadyReasons } from "./readiness.ts";
import { API_FILE_STATUSES, countChanges, type MetricsInput } from "./stats.ts";

/** A registry of metrics whose values are read when it is scraped. */
class MetricsRegistry extends Registry {
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

  /** @param values by value of the label; few, as each is a time series */
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
        for (const [key, value] of values()) this.inc({ [label]: key }, value);
      },
    });
  }
}

/**
 * Returns a histogram in Prometheus' text format. prom-client's histograms only
 * take single observations, not counts.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
function histogramText(
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

/** In seconds: a cached response takes microseconds, encoding a large state some ms. */
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
 * The metrics of a lainlet.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */
export class Metrics {
  readonly #registry = new MetricsRegistry();
  readonly #durations: Histogram<"endpoint" | "code">;
  /** The codes of all responses so far. */
  readonly #codes = new Set<number>();

  constructor(private readonly input: MetricsInput) {
    this.#durations = new Histogram({
      name: "lainlet_request_duration_seconds",
      help:
        "Time to make a response, without sending it, without waits (revision, fresh, Prefer) and without streams. The code is that of HTTP, or of gRPC if the endpoint is a gRPC method.",
      labelNames: ["endpoint", "code"],
      buckets: DURATION_BUCKETS,
      registers: [this.#registry],
    });
    this.#addProcess();
    this.#addStore();
    this.#addStreams();
    this.#addApiFiles();
  }

  /** Content type of {@linkcode text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Returns all metrics in Prometheus' text format. */
  async text(): Promise<string> {
    const latency = histogramText(
      "lainlet_delivery_delay_seconds",
      `Time from reading the newest change of an event from the store until a listener took the event, of one event in ${SAMPLE_RATE}, without first states.`,
      this.input.counters.latency,
    );
    return `${await this.#registry.metrics()}\n${latency}`;
  }

  /**
   * Adds a response to the histogram of durations.
   *
   * @param endpoint one of few, as each is a time series
   * @param time to make it, in ms
   */
  observe(endpoint: string, code: number, time: number): void {
    this.#codes.add(code);
    this.#durations.observe({ endpoint, code }, time / 1000);
  }

  /** Forgets the responses of an endpoint that is served no more. */
  forget(endpoint: string): void {
    for (const code of this.#codes) this.#durations.remove({ endpoint, code });
  }

  #addProcess(): void {
    const start = Date.now() / 1000 - process.uptime();
    this.#registry.gauge(
      "process_start_time_seconds",
      "Start time of the process, in seconds since 1970.",
      () => start,
    );
    this.#registry.counter(
      "process_cpu_seconds_total",
      "CPU time of all threads, user and system.",
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
      "Used heap of the main thread.",
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
      "1 if the state is complete and current, as for /readyz, else 0.",
      () => Number(notReadyReasons(this.input).length === 0),
    );
    this.#registry.gauge(
      "lainlet_store_revision",
      "Last revision of the store that was read.",
      () => store.status.revision,
    );
    this.#registry.counter(
      "lainlet_store_reconnects_total",
      "Connections to the store after the first one.",
      () => store.status.reconnects,
    );
    this.#registry.counter(
      "lainlet_store_missed_changes_total",
      "Changes that a watch of the store missed; they were found and repaired.",
      () => store.status.missed,
    );
    this.#registry.counter(
      "lainlet_store_changes_total",
      "Entries written or removed.",
      () => countChanges(cluster),
    );
    this.#registry.gauge(
      "lainlet_stale_after_seconds",
      "Lag above which the state is stale.",
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
      "Time since a subtree was last confirmed to match the store.",
      (watcher) => watcher.age() / 1000,
    );
    perWatcher(
      Gauge,
      "lainlet_store_keys",
      "Entries in memory.",
      (watcher) => watcher.size,
    );
    perWatcher(
      Gauge,
      "lainlet_rejected_values",
      "Invalid values in the store that are ignored.",
      (watcher) => watcher.rejected.size,
    );
    perWatcher(
      Counter,
      "lainlet_mirror_differences_total",
      "Keys that differed from the store when they were verified.",
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
      "Time without a file descriptor for new connections, checked each second.",
      () => counters.outOfDescriptors,
    );
    this.#registry.counter(
      "lainlet_grpc_connections_refused_total",
      "gRPC connections refused because their address has too many, and idle ones closed to free file descriptors.",
      () => counters.refusedConnections,
    );
    this.#registry.gauge(
      "lainlet_topics",
      "Topics: different states that streams carry.",
      () => views.topics,
    );
    this.#registry.labelled(
      Gauge,
      "lainlet_listeners",
      "Open streams and waiting GETs.",
      "endpoint",
      () => limits.perEndpoint,
    );
    this.#registry.gauge(
      "lainlet_listeners_behind",
      "Open streams whose client has not read the newest state, checked each second.",
      () =>
        limits.open.keys()
          .filter((slot) => counters.slots.behindFor(slot) !== undefined)
          .reduce((count) => count + 1, 0),
    );
    this.#registry.labelled(
      Counter,
      "lainlet_listeners_refused_total",
      "Streams rejected by a limit; the reason is the name of the flag.",
      "reason",
      () => limits.refusals,
    );
    this.#registry.counter(
      "lainlet_listeners_slow_total",
      "Streams ended because their client did not read.",
      () => counters.slow,
    );
    this.#registry.counter(
      "lainlet_deliveries_total",
      "States and patches sent in streams.",
      () => counters.deliveries,
    );
    this.#registry.counter(
      "lainlet_conflated_states_total",
      "States not sent to a slow listener because a newer one superseded them.",
      () => counters.conflated,
    );
    this.#registry.counter(
      "lainlet_stream_bytes_total",
      "Bytes sent in streams.",
      () => counters.bytes,
    );
  }

  #addApiFiles(): void {
    const { apiFiles } = this.input;
    this.#registry.labelled(
      Gauge,
      "lainlet_api_files",
      "API files: served; outdated, as only their last good version can be used; failed.",
      "status",
      () =>
        API_FILE_STATUSES.map((status) => [
          status,
          apiFiles?.files.filter((file) => file.status === status).length ?? 0,
        ]),
    );
    this.#registry.counter(
      "lainlet_api_file_failures_total",
      "How often an API file, or their folder, could not be used as it was.",
      () => apiFiles?.failures ?? 0,
    );
    this.#registry.labelled(
      Counter,
      "lainlet_api_file_rejections_total",
      "Values that an API file failed for since it was loaded.",
      "file",
      () =>
        (apiFiles?.files ?? []).map((
          { file, rejections },
        ) => [file, rejections]),
    );
  }
}
