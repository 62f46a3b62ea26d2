import {
  configureSync,
  getJsonLinesFormatter,
  getLogfmtFormatter,
} from "@logtape/logtape";

/** Sends the log to stderr, one line per event. */
export function startLogging(
  format: "logfmt" | "json",
  level: "debug" | "info",
): void {
  const formatter = format === "json"
    ? getJsonLinesFormatter({ properties: "flatten" })
    : getLogfmtFormatter();
  const encoder = new TextEncoder();
  configureSync({
    sinks: {
      stderr: (record) => {
        try {
          Deno.stderr.writeSync(encoder.encode(formatter(record)));
        } catch {
          // Nobody reads the log any more; serving goes on.
        }
      },
    },
    loggers: [
      { category: ["lainlet"], sinks: ["stderr"], lowestLevel: level },
      {
        category: ["logtape", "meta"],
        sinks: ["stderr"],
        lowestLevel: "warning",
      },
    ],
  });
}
