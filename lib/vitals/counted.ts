import { Histogram } from "prom-client";
import { BOUNDS, type Delays } from "./delays.ts";

/** A histogram of delays that are counted elsewhere, by all threads. */
export class DelayHistogram extends Histogram<"le"> {
  constructor(
    private readonly configuration: ConstructorParameters<
      typeof Histogram<"le">
    >[0],
    private readonly delays: Delays,
  ) {
    super(configuration);
  }

  override async get() {
    const { name } = this.configuration;
    const { counts, sum } = this.delays;
    let count = 0;
    const buckets = counts.map((more, i) => ({
      metricName: `${name}_bucket`,
      labels: { le: BOUNDS[i] ?? "+Inf" },
      value: count += more,
    }));
    return {
      ...await super.get(),
      values: [
        ...buckets,
        { metricName: `${name}_sum`, labels: {}, value: sum },
        { metricName: `${name}_count`, labels: {}, value: count },
      ],
    };
  }

  /** What the registry writes text of; its types do not tell. */
  getForPromString() {
    return this.get();
  }
}
