/**
 * A thread that serves connections; what it answers comes from the main one.
 *
 * @module
 */
import { Counters } from "../stats/counters.ts";
import type { ToMain, ToWorker } from "./link.ts";
import { RemoteHandler } from "./remote.ts";
import { logUncaught, startLogging } from "../log.ts";
import { HttpListener } from "./listener.ts";
import { ThreadServer } from "./server.ts";
import type { FromWorker, WorkerCommand, WorkerSetup } from "./workers.ts";

declare const self: {
  onmessage: (
    event: MessageEvent<WorkerSetup | WorkerCommand | ToWorker>,
  ) => void;
  postMessage(message: FromWorker | ToMain): void;
};

let server: ThreadServer | undefined;
let port: HttpListener | undefined;
const origin = new RemoteHandler((message) => self.postMessage(message));

self.onmessage = ({ data }) => {
  if (data.type === "close") close();
  else if (data.type === "open") open(data.which);
  else if (data.type === "ping") self.postMessage({ type: "pong" });
  else if (data.type === "setup") serve(data);
  else origin.receive(data);
};

function serve(setup: WorkerSetup): void {
  logUncaught();
  startLogging(setup.logFormat, setup.logLevel);
  server = new ThreadServer({
    handler: origin,
    counters: new Counters(setup.counters, setup.thread),
    hosts: setup.hosts,
    slowAfter: setup.slowAfter,
  });
  try {
    port = new HttpListener(setup.address, {
      handler: server.handle,
      onFailure: shut,
    });
    self.postMessage({ type: "listening" });
  } catch (error) {
    self.postMessage({ type: "failed", reason: String(error) });
  }
}

function open(which: "all" | "failed"): void {
  if (which === "failed" && !port?.hasFailed) return;
  try {
    port?.open();
  } catch {
    shut();
  }
}

function shut(): void {
  self.postMessage({ type: "shut" });
}

async function close(): Promise<void> {
  server?.close();
  await port?.close();
  self.postMessage({ type: "closed" });
}
