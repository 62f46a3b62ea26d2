/**
 * The entry point of a worker thread, which serves HTTP connections. The main
 * thread handles their requests.
 *
 * @module
 */
import { logUncaught, startLogging } from "../log.ts";
import { Counters } from "../stats/counters.ts";
import { RemoteHandler, type ToMain, type ToWorker } from "./link.ts";
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
let listener: HttpListener | undefined;
const handler = new RemoteHandler((message) => self.postMessage(message));

self.onmessage = ({ data }) => {
  if (data.type === "close") close();
  else if (data.type === "open") open(data.which);
  else if (data.type === "ping") self.postMessage({ type: "pong" });
  else if (data.type === "setup") start(data);
  else handler.receive(data);
};

function start(setup: WorkerSetup): void {
  logUncaught();
  startLogging(setup.logFormat, setup.logLevel);
  server = new ThreadServer({
    handler,
    counters: new Counters(setup.counters, setup.thread),
    hosts: setup.hosts,
    slowAfter: setup.slowAfter,
  });
  try {
    listener = new HttpListener(setup.address, {
      serve: (options, handler) => Deno.serve(options, handler),
      handler: server.handle,
      onFailure,
    });
    self.postMessage({ type: "listening" });
  } catch (error) {
    self.postMessage({ type: "failed", reason: String(error) });
  }
}

function open(which: "all" | "failed"): void {
  if (which === "failed" && !listener?.hasFailed) return;
  try {
    listener?.open();
  } catch {
    onFailure();
  }
}

function onFailure(): void {
  self.postMessage({ type: "listener failed" });
}

async function close(): Promise<void> {
  server?.close();
  await listener?.close();
  self.postMessage({ type: "closed" });
}
