/**
 * Notifications of a service manager, by the executable with its permissions.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { get } from "../util/client.ts";
import { TARGETS } from "../util/lainlet_process.ts";
import { becomes, eventually, freePort, Program } from "../util/process.ts";
import { TestServiceManager } from "../util/service_manager.ts";

/** How long a service may give no sign of life, in ms. */
const LIMIT = 1_000;

for (const target of ["source", "binary"] as const) {
  Deno.test(`${target}: a service manager is notified when it is ready, hangs, and stops`, async (t) => {
    await using manager = new TestServiceManager();
    const [web, grpc, etcd] = [freePort(), freePort(), freePort()];
    const [command = "", ...args] = [
      ...manager.within(),
      ...TARGETS[target],
      `--web=127.0.0.1:${web}`,
      `--grpc.addr=127.0.0.1:${grpc}`,
      `--etcd=127.0.0.1:${etcd}`,
      "--workers=2",
    ];
    await using program = new Program(command, args, {
      ...manager.env,
      WATCHDOG_USEC: String(1_000 * LIMIT),
    });
    const lives = () => manager.count("WATCHDOG=1");

    await t.step(
      "it is ready when it responds, with or without etcd",
      async () => {
        await Promise.race([manager.ready, program.ended()]);
        assertEquals(manager.messages[0], "READY=1", program.stderr);
        const url = `http://127.0.0.1:${web}`;
        assertEquals((await get(`${url}/healthz`)).status, 200);
        assertEquals((await get(`${url}/readyz`)).status, 503);
        (await Deno.connect({ hostname: "127.0.0.1", port: grpc })).close();
      },
    );

    await t.step("it sends keep-alives", async () => {
      await eventually("there are three", () => lives() >= 3 || undefined);
    });

    await t.step("it sends none while it hangs", async () => {
      program.signal("SIGSTOP");
      // One may be on its way.
      await eventually("it is stopped", async () => {
        await using stat = new Program("cat", [`/proc/${program.pid}/stat`]);
        await stat.ended();
        return / T \d/.test(stat.stdout) || undefined;
      });
      const before = lives();
      await new Promise((resolve) => setTimeout(resolve, 1.5 * LIMIT));
      assert(lives() <= before + 1);
      program.signal("SIGCONT");
      await eventually(
        "it lives again",
        () => lives() > before + 1 || undefined,
      );
    });

    await t.step("it says that it stops", async () => {
      program.signal("SIGTERM");
      assertEquals((await program.ended()).code, 0);
      await becomes("the last", () => manager.messages.at(-1), "STOPPING=1");
      assertEquals(manager.count("READY=1"), 1);
    });
  });
}

Deno.test("binary: a service manager that it may not reach is an error in the log, and it serves", async () => {
  await using manager = new TestServiceManager();
  const web = freePort();
  const [command = "", ...args] = [
    ...manager.within(),
    ...TARGETS.binary,
    `--web=127.0.0.1:${web}`,
    `--etcd=127.0.0.1:${freePort()}`,
  ];
  await using program = new Program(command, args, {
    NOTIFY_SOCKET: manager.path,
  });
  await eventually(
    "it serves",
    async () =>
      (await get(`http://127.0.0.1:${web}/healthz`)).status === 200 ||
      undefined,
  );
  await eventually(
    "it says so",
    () => program.stderr.includes("level=error") || undefined,
  );
  assertMatch(
    program.stderr,
    /level=error \S+ msg="cannot notify the service manager" socket=\S+ error="lainlet may only write to \/run\/systemd\/notify"\n/,
  );
  assertEquals(manager.messages, []);
});
