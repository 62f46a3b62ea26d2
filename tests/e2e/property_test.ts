import { MemoryStore } from "../../lib/store/memory.ts";
import type { Store } from "../../lib/store/store.ts";
import { readEvent } from "../util/collector.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { Model, Random } from "../util/model.ts";
import type { TestStore } from "../util/store.ts";
import { KIND_NAMES, KINDS, startStore } from "../util/stores.ts";
import { freshAnswers, Witness } from "../util/witness.ts";

/** What is written to, and read again. */
type Content = Pick<TestStore, "write" | "content">;

async function agrees(
  store: Store,
  content: Content,
  seed: number,
  { hasEmpty = true, rounds = 8 } = {},
): Promise<void> {
  await content.write({ "/lain/config/first": "x" });
  await using server = new TestLainlet(store);
  await server.ready();
  await using witness = await Witness.open(server.url);
  const random = new Random(seed);
  const model = new Model(random, true, hasEmpty);
  for (let round = 0; round < rounds; round++) {
    for (let i = random.below(80); i >= 0; i--) {
      await content.write(model.next());
    }
    const served = model.served(await content.content());
    await witness.agrees(await freshAnswers(served));
  }
}

/** A memory store's content, written and read as a server's. */
function contentOf(store: MemoryStore): Content {
  return {
    write: (changes) => {
      store.commit(
        Object.entries(changes).map(([key, value]) =>
          value === null
            ? { key }
            : { key, value: new TextEncoder().encode(`${value}`) }
        ),
      );
      return Promise.resolve(store.status.revision);
    },
    content: async () => {
      const all = store.watch("", new AbortController().signal).getReader();
      const { value } = await all.read();
      const item = value && await readEvent(value);
      await all.cancel();
      return item?.type !== "snapshot" ? [] : item.entries.map((
        { key, value },
      ) => [key, new TextDecoder().decode(value)]);
    },
  };
}

Deno.test("after any history, responses and streams are those of a fresh read", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`memory, SEED=${seed}`, async () => {
    const store = new MemoryStore();
    await agrees(store, contentOf(store), seed, { rounds: 12 });
  });
  for (const kind of KIND_NAMES) {
    await t.step(`${kind}, SEED=${seed}`, async () => {
      await using server = await startStore(kind);
      const { open, hasEmpty } = KINDS[kind];
      await agrees(open(server.endpoint), server, seed, { hasEmpty });
    });
  }
});
