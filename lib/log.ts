import {
  configureSync,
  getJsonLinesFormatter,
  getLogfmtFormatter,
  getLogger,
} from "@logtape/logtape";

/** An error that is a bug, for the log: with where it comes from, if that is known. */
export function errorTrace(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : String(error);
}

/**
 * Logs what nobody caught, and lets the thread go on: that is a bug, but not a
 * reason to leave a node without its state.
 */
export function logUncaught(): void {
  const log = getLogger(["lainlet"]);
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("a promise was rejected", { error: errorTrace(event.reason) });
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    log.error("an error was not caught", {
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
