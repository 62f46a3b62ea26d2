import { assertEquals } from "@std/assert";
import { get } from "../util/client.ts";
import { cluster, comparable, expectations } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { KIND_NAMES, KINDS, startStore } from "../util/stores.ts";

/** Replaces an empty value in stores that have none. */
const FILLED = "stands for nothing";

for (const kind of KIND_NAMES) {
  Deno.test(`every golden response, from a real server of --store=${kind}`, async (t) => {
    await using backend = await startStore(kind);
    const { open, hasEmpty } = KINDS[kind];
    const empty = hasEmpty ? "" : FILLED;
    const content = Object.entries(cluster)
      .map(([key, value]) => [key, value || empty]);
    await backend.load(Object.fromEntries(content));
    const store = open(backend.endpoint);
    await using server = new TestLainlet(store);
    await server.ready();
    for (const { from, path, status, body } of expectations) {
      await t.step(`${path} from ${from}`, async () => {
        const answer = await get(server.url + path, from);
        assertEquals(answer.status, status, answer.body);
        if (status !== 200) return;
        assertEquals(
          comparable(path, JSON.parse(answer.body.replaceAll(FILLED, ""))),
          comparable(path, body),
        );
      });
    }
  });
}
