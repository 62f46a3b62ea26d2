/**
 * Lainlet as a process, on ZooKeeper: endpoints, a chroot, and logins.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { get } from "../util/client.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { becomes, eventually } from "../util/process.ts";
import { TestZooKeeper } from "../util/zookeeper.ts";

Deno.test("ZooKeeper: a chroot, and a login that may read some subtrees", async () => {
  await using zookeeper = await TestZooKeeper.start();
  await zookeeper.write({
    "/lain-1/lain/config/domain": "lain.local",
    "/lain-1/lain/nodes/nodes/a:1:22": "{}",
    "/lain/config/domain": "another cluster's",
  });
  const { znodes, endpoint } = zookeeper;
  await znodes.protect("/lain-1/lain/config/domain", "lainlet");
  await znodes.protect("/lain-1/lain/nodes/nodes", "nobody");
  await Promise.all((["source", "binary"] as const).map(async (target) => {
    await using stack = new AsyncDisposableStack();
    const start = async (password: string) =>
      stack.use(
        await LainletProcess.start(target, ["--store=zookeeper"], {
          ready: false,
          env: {
            LAINLET_ZOOKEEPER: `${endpoint}/lain-1`,
            LAINLET_ZOOKEEPER_USER: `lainlet:${password}`,
          },
        }),
      );
    const says = (lainlet: LainletProcess, path: string) =>
      eventually(`readyz names ${path}`, async () => {
        const { status, body } = await get(`${lainlet.url}/readyz`);
        assertEquals(status, 503);
        assertMatch(body, /ZooKeeper refuses the login in --zookeeper\.user/);
        assertEquals(body.includes(`let it read ${path}`), true, body);
        return true;
      });
    const [right, mistaken] = await Promise.all([
      start("secret"),
      start("mistaken"),
    ]);
    await says(right, "/lain-1/lain/nodes/nodes");
    const { body } = await eventually("the others are served", async () => {
      const answer = await get(`${right.url}/v2/configwatcher`);
      return answer.status === 200 ? answer : undefined;
    });
    assertEquals(body, '{"domain":"lain.local"}');
    await says(mistaken, "/lain-1/lain/config/domain");
    assertEquals(mistaken.program.stderr.includes("mistaken"), false);
    const lines = () =>
      mistaken.program.stderr.split("\n")
        .filter((line) => line.includes("does not serve all of a subtree"));
    await becomes("how many lines tell of it", () => lines().length, 2);
  }));
});
