import { assertEquals, assertMatch } from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { MemoryStore } from "../../../../lib/store/memory.ts";
import { writeState } from "../../../../lib/store/saved/write.ts";
import type { PendingWrite } from "../../../../lib/store/saved/pending.ts";
import { get } from "../../../util/client.ts";
import { TestLainlet } from "../../../util/lainlet.ts";
import { eventually, freePort } from "../../../util/process.ts";
import { contentOf, Folder, IDENTITY, save } from "./folder.ts";

const SUBTREES = [
  "/lain/config/",
  "/lain/nodes/nodes/",
  "/lain/deployd/depends/pods/",
  "/lain/deployd/pod_groups/",
];

Deno.test("the saved state is served with its age while the store cannot be reached", async () => {
  // The last one is of a clock that was set back since.
  for (
    const [age, told] of [[0, "[01]"], [95, "9[56]"], [-3_600, "0"]] as const
  ) {
    await using folder = new Folder();
    const at = Date.now() - age * 1000;
    const entry = {
      key: "/lain/config/domain",
      value: new TextEncoder().encode("lain.example"),
      revision: 1,
    };
    const news = SUBTREES.map((prefix, i): [string, PendingWrite] => [prefix, {
      section: { prefix, revision: 1, at },
      isComplete: true,
      changes: new Map(i === 0 ? [[entry.key, entry]] : []),
    }]);
    await writeState(folder.file, IDENTITY, new Map(news), false);
    const before = await Deno.readFile(folder.file);
    const etcd = new EtcdStore([`http://127.0.0.1:${freePort()}`]);
    const saved = await folder.open(etcd);
    {
      await using server = new TestLainlet(saved);
      await server.ready();
      const { status, headers, body } = await get(
        `${server.url}/v2/configwatcher`,
      );
      assertEquals([status, body], [200, '{"domain":"lain.example"}']);
      assertMatch(headers.get("Age") ?? "", new RegExp(`^${told}$`));
      assertMatch(
        headers.get("Cache-Status") ?? "",
        /^lainlet; hit; ttl=(0|-\d+); detail="from .+\/state/,
      );
      const readyz = await get(`${server.url}/readyz`);
      assertEquals(readyz.status, 503);
      assertMatch(
        readyz.body,
        new RegExp(
          `config, container, .+ and podgroup are from .+/state, ${told} s old$`,
        ),
      );
      const present = server.lainlet.stats.current;
      assertEquals(present.stale, true);
      assertMatch(String(Math.floor(present.lag)), new RegExp(`^${told}$`));
    }
    await saved.close();
    // Nothing new was heard, so it is as it was, and so is its age.
    assertEquals(await Deno.readFile(folder.file), before);
  }
});

Deno.test("an empty store does not replace the saved state", async () => {
  await using folder = new Folder();
  await save(folder, [["/lain/config/a", "1"]], ...SUBTREES);
  const memory = new MemoryStore();
  const saved = await folder.open(memory);
  {
    await using server = new TestLainlet(saved);
    const readyz = await eventually("it was read", async () => {
      const { status, body } = await get(`${server.url}/readyz`);
      return status === 503 && body.startsWith("the store") ? body : undefined;
    });
    assertEquals(readyz, "the store holds nothing under /lain/");
    const config = () => get(`${server.url}/v2/configwatcher`);
    assertEquals((await config()).body, '{"a":"1"}');
    assertEquals((await config()).headers.has("Age"), true);
    memory.put("/lain/config/b", "2");
    await eventually(
      "the key is taken",
      async () => (await config()).body === '{"b":"2"}' || undefined,
    );
    assertEquals((await config()).headers.has("Age"), false);
    assertEquals((await get(`${server.url}/readyz`)).status, 200);
  }
  await saved.close();
  assertEquals(
    await folder.saved("/lain/config/"),
    await contentOf(memory, "/lain/config/"),
  );
});
