import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { TestEtcd } from "../util/etcd.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { Model, Random } from "../util/model.ts";
import { Witness } from "../util/witness.ts";

Deno.test("after any history, answers and streams are those of a fresh read", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, async () => {
    await using etcd = await TestEtcd.start();
    await etcd.write({ "/lain/config/first": "" });
    await using server = new TestLainlet(new EtcdStore([etcd.endpoint]));
    await server.ready();
    await using witness = await Witness.open(server.url);
    const random = new Random(seed);
    const model = new Model(random, true);
    for (let round = 0; round < 12; round++) {
      for (let i = random.below(80); i >= 0; i--) {
        await etcd.write(model.next());
      }
      await witness.agrees(model.served(await etcd.content()));
    }
  });
});
