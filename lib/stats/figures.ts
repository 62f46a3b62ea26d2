import { Counter, Gauge, Registry } from "prom-client";

/** Gauges and counters of what is counted elsewhere: it is read when somebody asks. */
export class Figures extends Registry {
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
