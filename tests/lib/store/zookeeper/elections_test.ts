import { assert, assertEquals } from "@std/assert";
import { ZooKeeperStore } from "../../../../lib/store/zookeeper/store.ts";
import { Collector } from "../../../util/collector.ts";
import { eventually } from "../../../util/process.ts";
import { TestZooKeeper } from "../../../util/zookeeper.ts";

Deno.test("ZooKeeper: members that know of fewer elections are trusted after a while", async () => {
  const members = await TestZooKeeper.startCluster(3);
  await using stack = new AsyncDisposableStack();
  for (const member of members) stack.use(member);
  const [first, ...others] = members;
  assert(first);
  await first.write({ "/a/1": "old" });
  const folder = await Deno.makeTempDir();
  for (const [i, member] of members.entries()) {
    await member.save(`${folder}/${i}`);
  }
  const restart = async () => {
    await Promise.all(members.map((member) => member.kill()));
    await Promise.all(members.map((member) => member.launch()));
  };
  // A restored cluster elects, too.
  await restart();
  await restart();
  await first.write({ "/a/1": "new" });
  const store = new ZooKeeperStore([
    first.endpoint,
    ...others.map(({ endpoint }) => endpoint),
  ]);
  await using all = new Collector(store, "/a/");
  await all.holds({ "/a/1": "new" });
  await Promise.all(
    members.map((member, i) => member.restore(`${folder}/${i}`)),
  );
  await eventually("they are not believed", () => {
    assertEquals(
      store.status.problems.some((problem) =>
        problem === "ZooKeeper does not know of its cluster's last election"
      ),
      true,
    );
    return true;
  });
  assertEquals(all.held, { "/a/1": "new" });
  await all.holds({ "/a/1": "old" });
  assertEquals(all.types, ["snapshot", "snapshot"]);
  await Deno.remove(folder, { recursive: true });
});
