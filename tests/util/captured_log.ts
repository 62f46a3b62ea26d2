import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";

/** Collects what lainlet logs in this process, from level info on. */
export class CapturedLog implements Disposable {
  readonly #records: LogRecord[] = [];

  constructor() {
    configureSync({
      reset: true,
      sinks: { memory: (record) => this.#records.push(record) },
      loggers: [
        { category: ["lainlet"], sinks: ["memory"], lowestLevel: "info" },
        { category: ["logtape", "meta"], lowestLevel: "warning" },
      ],
    });
  }

  /** One line for each record: level, message, error. */
  get lines(): string[] {
    return this.#records.map(({ level, message, properties: { error } }) =>
      [level, message.join(""), ...error === undefined ? [] : [error]].join(" ")
    );
  }

  /** A property of each record that has it. */
  values(property: string): unknown[] {
    return this.#records.map(({ properties }) => properties[property])
      .filter((value) => value !== undefined);
  }

  /** The lines that match. */
  about(text: RegExp): string[] {
    return this.lines.filter((line) => text.test(line));
  }

  [Symbol.dispose](): void {
    resetSync();
  }
}
