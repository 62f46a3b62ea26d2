/**
 * A cluster of three members: the leader changes, one is lost, two are lost,
 * and they come back. Lainlet knows all three.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { TestEtcd } from "../util/etcd.ts";
import { Model, Random } from "../util/model.ts";
import { eventually } from "../util/process.ts";
import { Watched } from "../util/watched.ts";

/** How soon lainlet is right again when etcd can be reached, in ms; and some for a slow machine. */
const BACK = 10_000 + 5_000;

Deno.test("three members", async (t) => {
  const members = await TestEtcd.startCluster(3);
  await using stack = new AsyncDisposableStack();
  for (const member of members) stack.use(member);
  const [a, b, c] = members;
  assert(a && b && c);
  const model = new Model(new Random(5), false);
  for (let i = 0; i < 30; i++) await a.write(model.next());
  await using watched = await Watched.start(
    members.map(({ endpoint }) => endpoint),
  );

  let beat = 0;
  /** Writes by one member, and waits until that is served. */
  const follows = async (writer: TestEtcd) => {
    const content = await eventually("there is a leader", async () => {
      await writer.write({ ...model.next(), "/lain/config/beat": `${++beat}` });
      return await writer.content();
    });
    await watched.agrees(content, BACK);
  };

  await t.step("the leader changes, to each member", async () => {
    for (const member of members) {
      const others = members.filter((other) => other !== member);
      await member.lead(others.map(({ endpoint }) => endpoint));
      await follows(member);
    }
  });

  await t.step("each member is lost, and comes back", async () => {
    for (const [i, member] of members.entries()) {
      await member.kill();
      await follows(members[(i + 1) % 3] ?? a);
      await member.launch();
      await follows(member);
    }
  });

  await t.step("a member is paused: it accepts, and says nothing", async () => {
    for (const [i, member] of members.entries()) {
      member.pause();
      await follows(members[(i + 1) % 3] ?? a);
      member.resume();
      await follows(member);
    }
  });

  await t.step(
    "two members are lost, and one comes back, then the other",
    async () => {
      for (const [i, lost] of members.entries()) {
        const alone = members[(i + 1) % 3] ?? a;
        const last = members[(i + 2) % 3] ?? a;
        const before = await alone.content();
        await Promise.all([lost.kill(), last.kill()]);
        await watched.noticed(BACK);
        await watched.agrees(before);
        await lost.launch();
        await follows(lost);
        await last.launch();
        await follows(last);
      }
    },
  );

  for (const { store } of await watched.debug()) {
    assertEquals(store.problems, []);
  }
  await watched.isFaultless();
});
