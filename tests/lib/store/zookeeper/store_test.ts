import { ZooKeeperStore } from "../../../../lib/store/zookeeper/store.ts";
import { TestZooKeeper } from "../../../util/zookeeper.ts";
import { testConformance } from "../conformance.ts";

testConformance("ZooKeeper", async () => {
  const zookeeper = await TestZooKeeper.start();
  return {
    store: new ZooKeeperStore([zookeeper.endpoint]),
    lacks: ["history", "empty values"],
    write: async (changes) => {
      await zookeeper.write(changes);
    },
    clear: () => zookeeper.clear(),
    [Symbol.asyncDispose]: () => zookeeper[Symbol.asyncDispose](),
  };
});
