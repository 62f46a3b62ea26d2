/**
 * A thread that serves connections; what it answers comes from the main one.
 *
 * @module
 */
import { Counters } from "../vitals/counters.ts";
import { RemoteOrigin, type ToOrigin, type ToWorker } from "./link.ts";
import { logUncaught, startLogging } from "../log.ts";
import { Server } from "./server.ts";
import type { FromWorker, WorkerSetup } from "./workers.ts";

declare const self: {
  onmessage: (event: MessageEvent<WorkerSetup | ToWorker | "close">) => void;
  postMessage(message: FromWorker | ToOrigin): void;
};

let server: Server | undefined;
let http: Deno.HttpServer | undefined;
const origin = new RemoteOrigin((message) => self.postMessage(message));

self.onmessage = ({ data }) => {
  if (data === "close") close();
  else if (data.type === "setup") serve(data);
  else origin.receive(data);
};

function serve(setup: WorkerSetup): void {
  logUncaught();
  startLogging(setup.logFormat, setup.logLevel);
  server = new Server({
    origin,
    counters: new Counters(setup.counters),
    slowAfter: setup.slowAfter,
  });
  try {
    http = Deno.serve({
      hostname: setup.hostname,
      port: setup.port,
      reusePort: true,
      handler: server.handle,
      onListen: () => self.postMessage({ type: "listening" }),
    });
  } catch (error) {
    self.postMessage({ type: "failed", reason: String(error) });
  }
}

async function close(): Promise<void> {
  server?.close();
  await http?.shutdown();
  self.postMessage({ type: "closed" });
}
