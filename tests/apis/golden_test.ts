import { assertEquals } from "@std/assert";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { cluster, comparable, expectations } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";

Deno.test("every golden answer, from a real etcd", async (t) => {
  await using etcd = await TestEtcd.start();
  await etcd.load(cluster);
  await using server = new TestLainlet(new EtcdStore([etcd.endpoint]));
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
});
