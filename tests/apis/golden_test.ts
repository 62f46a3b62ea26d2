import { assertEquals } from "@std/assert";
import { Etcd2Store } from "../../lib/store/etcd2/store.ts";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import type { Store } from "../../lib/store/store.ts";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { cluster, comparable, expectations } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";

async function testGolden(
  t: Deno.TestContext,
  etcd: TestEtcd,
  store: Store,
): Promise<void> {
  await etcd.load(cluster);
  await using server = new TestLainlet(store);
  await server.ready();
  for (const { from, path, status, body } of expectations) {
    await t.step(`${path} from ${from}`, async () => {
      const answer = await get(server.url + path, from);
      assertEquals(answer.status, status, answer.body);
      if (status !== 200) return;
      assertEquals(
        comparable(path, JSON.parse(answer.body)),
        comparable(path, body),
      );
    });
  }
}

Deno.test("every golden answer, from a real etcd", async (t) => {
  await using etcd = await TestEtcd.start();
  await testGolden(t, etcd, new EtcdStore([etcd.endpoint]));
});

Deno.test("every golden answer, from etcd's v2 key space", async (t) => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  await testGolden(t, etcd, new Etcd2Store([etcd.endpoint]));
});
