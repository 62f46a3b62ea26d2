import { BOUNDS, type Delays } from "./latency.ts";

/**
 * Delays as a histogram in Prometheus' text format: prom-client's own takes
 * no counts that were made elsewhere.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function histogramText(
  name: string,
  help: string,
  { counts, sum }: Pick<Delays, "counts" | "sum">,
): string {
  let upTo = 0;
  const buckets = counts.map((count, i) =>
    `${name}_bucket{le="${BOUNDS[i] ?? "+Inf"}"} ${upTo += count}\n`
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} histogram\n` +
    `${buckets.join("")}${name}_sum ${sum}\n${name}_count ${upTo}\n`;
}
