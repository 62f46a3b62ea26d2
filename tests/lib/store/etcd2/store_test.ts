import { Etcd2Store } from "../../../../lib/store/etcd2/store.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { testConformance } from "../conformance.ts";

testConformance("etcd v2", async () => {
  const etcd = await TestEtcd.start({ v2: true });
  return {
    store: new Etcd2Store([etcd.endpoint]),
    lacks: ["transactions", "bytes", "a key in a key"],
    write: async (changes) => {
      await etcd.write(changes);
    },
    clear: () => etcd.clear(),
    [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose](),
  };
});
