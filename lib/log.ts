import {
  configureSync,
  getJsonLinesFormatter,
  getLogfmtFormatter,
  getLogger,
} from "@logtape/logtape";

/** Returns the stack of an unexpected error, or its text if it has none, for the log. */
export function errorTrace(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : String(error);
}

/**
 * Logs uncaught errors and rejections, and lets the thread continue. They are
 * bugs, but no reason to leave a node without its state.
 */
export function logUncaught(): void {
  const log = getLogger(["lainlet"]);
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("unhandled rejection", { error: errorTrace(event.reason) });
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    log.error("uncaught error", {
      error: errorTrace(event.error ?? event.message),
    });
  });
}

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
          // Standard error is closed; the process goes on serving.
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
