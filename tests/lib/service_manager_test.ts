import { assert, assertEquals } from "@std/assert";
import { ServiceManager } from "../../lib/service_manager.ts";
import { becomes, eventually } from "../util/process.ts";
import { TestServiceManager } from "../util/service_manager.ts";

/** Time between watchdog notifications, in ms. */
const INTERVAL = 20;

/** Connects a service. @param more environment variables */
function connect(
  { path, folder }: TestServiceManager,
  more: Record<string, string> = {},
): ServiceManager {
  const env: Record<string, string> = { NOTIFY_SOCKET: path, ...more };
  const manager = ServiceManager.connect((name) => env[name], folder);
  assert(manager);
  return manager;
}

const watched = { WATCHDOG_USEC: String(2_000 * INTERVAL) };
const answered = () => Promise.resolve();

Deno.test("service manager: without one nothing is sent", () => {
  assertEquals(ServiceManager.connect(() => undefined), undefined);
  assertEquals(ServiceManager.connect(() => ""), undefined);
});

Deno.test("service manager: start, watchdog notifications, and stop", async () => {
  await using test = new TestServiceManager();
  const manager = connect(test, { ...watched, WATCHDOG_PID: `${Deno.pid}` });
  // The sender's own socket is removed.
  assertEquals([...Deno.readDirSync(test.folder)].map(({ name }) => name), [
    "notify",
  ]);
  await manager.ready(answered);
  await eventually(
    "there are signs of life",
    () => test.count("WATCHDOG=1") >= 3 || undefined,
  );
  await manager.stopping();
  await becomes("the last", () => test.messages.at(-1), "STOPPING=1");
  assertEquals(test.messages[0], "READY=1");
  assertEquals([test.count("READY=1"), test.count("STOPPING=1")], [1, 1]);
});

Deno.test("service manager: no watchdog notifications unless requested", async () => {
  const envs: Record<string, string>[] = [
    {},
    { WATCHDOG_USEC: "0" },
    { WATCHDOG_USEC: "soon" },
    { ...watched, WATCHDOG_PID: "1" },
  ];
  for (const env of envs) {
    await using test = new TestServiceManager();
    const manager = connect(test, env);
    await manager.ready(answered);
    await manager.stopping();
    await becomes("told", () => test.messages, ["READY=1", "STOPPING=1"]);
  }
});

Deno.test("service manager: no watchdog notification while the event loop hangs", async () => {
  await using test = new TestServiceManager();
  const manager = connect(test, watched);
  await manager.ready(answered);
  const lives = () => test.count("WATCHDOG=1");
  await eventually("it lives", () => lives() > 0 || undefined);
  const before = lives();
  const cell = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(cell, 0, 0, 20 * INTERVAL);
  const begin = performance.now();
  await eventually("it lives again", () => lives() > before || undefined);
  // One had been sent, one is due, and those that came in time.
  const most = 2 + (performance.now() - begin) / INTERVAL;
  assert(lives() - before <= most, `${lives() - before} of ${most}`);
  await manager.stopping();
});

Deno.test("service manager: no watchdog notification while a thread hangs", async () => {
  await using test = new TestServiceManager();
  const manager = connect(test, watched);
  const hangs = Promise.withResolvers<void>();
  let asked = 0;
  await manager.ready(() => ++asked === 3 ? hangs.promise : answered());
  const lives = () => test.count("WATCHDOG=1");
  await eventually("it hangs", () => asked === 3 || undefined);
  await new Promise((resolve) => setTimeout(resolve, 5 * INTERVAL));
  assertEquals([asked, lives()], [3, 2]);
  hangs.resolve();
  await eventually("it lives again", () => lives() > 2 || undefined);
  await manager.stopping();
});

Deno.test("service manager: no watchdog notification while operations do not complete, though timers run", async () => {
  await using test = new TestServiceManager();
  const manager = connect(test, watched);
  // As in Deno 2.7 after a panic: messages are sent, but do not arrive.
  const real = globalThis.MessageChannel;
  const lost: MessagePort[] = [];
  globalThis.MessageChannel = class extends real {
    override get port2(): MessagePort {
      const { port1, port2 } = new real();
      lost.push(super.port2, port1);
      return port2;
    }
  };
  try {
    await manager.ready(answered);
    await new Promise((resolve) => setTimeout(resolve, 5 * INTERVAL));
    assertEquals(test.messages, ["READY=1"]);
  } finally {
    globalThis.MessageChannel = real;
    for (const port of lost) port.close();
    await manager.stopping();
  }
});

Deno.test("service manager: a missing socket is only logged", async () => {
  await using test = new TestServiceManager();
  const nowhere = { NOTIFY_SOCKET: `${test.folder}/nowhere` };
  const manager = connect(test, nowhere);
  await manager.ready(answered);
  await manager.stopping();
  const folder = `${test.folder}/nowhere`;
  assertEquals(
    ServiceManager.connect(() => test.path, folder),
    undefined,
  );
});
