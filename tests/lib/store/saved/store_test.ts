import { assertEquals, assertMatch } from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { MemoryStore } from "../../../../lib/store/memory.ts";
import { loadState } from "../../../../lib/store/saved/read.ts";
import {
  SavedStore,
  type SaveTimes,
} from "../../../../lib/store/saved/store.ts";
import { type News, writeState } from "../../../../lib/store/saved/write.ts";
import type { Entry, Item, Store } from "../../../../lib/store/store.ts";
import { get } from "../../../util/client.ts";
import { TestLainlet } from "../../../util/lainlet.ts";
import { Random } from "../../../util/model.ts";
import { eventually, freePort } from "../../../util/process.ts";
import { testConformance } from "../conformance.ts";
import { MemoryHarness } from "../memory.ts";

const IDENTITY = { kind: "test", endpoints: ["here"] };

/** A folder in which a state is saved, as often as can be. */
class Folder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "lainlet-state-" });
  readonly file = `${this.path}/state`;

  open(store: Store, times: SaveTimes = { every: 1 }): Promise<SavedStore> {
    return SavedStore.open(store, this.file, IDENTITY, times);
  }

  /** What is saved of a prefix: keys, revisions and sizes of values. */
  async saved(prefix: string): Promise<string[] | undefined> {
    const state = await loadState(this.file, IDENTITY);
    return state.get(prefix)?.entries.map(lineOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Reads what a store says of some prefixes, until it is disposed of. */
class Readers implements AsyncDisposable {
  readonly items = new Map<string, Item[]>();
  readonly #abort = new AbortController();
  readonly #over: Promise<unknown>;

  constructor(store: Store, ...prefixes: string[]) {
    const read = async (prefix: string, stream: ReadableStream<Item>) => {
      for await (const item of stream) this.of(prefix).push(item);
    };
    this.#over = Promise.all(
      prefixes.map((prefix) =>
        read(prefix, store.watch(prefix, this.#abort.signal))
      ),
    );
  }

  of(prefix: string): Item[] {
    const items = this.items.get(prefix) ?? [];
    this.items.set(prefix, items);
    return items;
  }

  /** Whether there was a snapshot of the store itself. */
  isRead(prefix: string): boolean {
    return this.of(prefix).some((item) =>
      item.type === "snapshot" && item.saved === undefined
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#over;
  }
}

/** What a store holds under a prefix. */
async function contentOf(store: Store, prefix: string): Promise<string[]> {
  for await (const item of store.watch(prefix, new AbortController().signal)) {
    if (item.type === "snapshot") return item.entries.map(lineOf);
  }
  throw new Error("no snapshot");
}

function lineOf({ key, value, revision }: Entry): string {
  return `${key} of ${revision}: ${value.length} times ${value[0]}`;
}

/** Leaves a file that holds these keys. */
async function save(
  folder: Folder,
  content: readonly [string, string][],
  ...prefixes: string[]
): Promise<void> {
  const saved = await folder.open(new MemoryStore(content));
  {
    await using readers = new Readers(saved, ...prefixes);
    await eventually(
      "all is read",
      () => prefixes.every((prefix) => readers.isRead(prefix)) || undefined,
    );
  }
  await saved.close();
}

testConformance("a store that is saved", async () => {
  const folder = new Folder();
  const memory = new MemoryStore();
  const saved = await folder.open(memory);
  return new MemoryHarness(memory, saved, async () => {
    await saved.close();
    await folder[Symbol.asyncDispose]();
  });
});

Deno.test("after any history and any restart the file holds what the store does", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, async () => {
    await using folder = new Folder();
    const random = new Random(seed);
    const memory = new MemoryStore([["/a/first", ""]]);
    const prefixes = ["/a/", "/b/", "/c/"] as const;
    for (let round = 0; round < 20; round++) {
      const saved = await folder.open(memory);
      {
        await using readers = new Readers(saved, ...prefixes);
        await eventually(
          "the store is read",
          () => prefixes.every((prefix) => readers.isRead(prefix)) || undefined,
        );
        for (let i = random.below(100); i >= 0; i--) {
          memory.commit(Array.from({ length: 1 + random.below(3) }, () => ({
            key: random.pick(prefixes) + random.below(30),
            value: random.below(3) === 0
              ? undefined
              : new Uint8Array(random.below(50_000)).fill(i),
          })));
          // So that there are writes at any moment of the history.
          if (random.below(3) === 0) {
            await new Promise((resolve) => setTimeout(resolve));
          }
        }
      }
      await saved.close();
      for (const prefix of prefixes) {
        assertEquals(
          await folder.saved(prefix),
          await contentOf(memory, prefix),
        );
      }
    }
  });
});

Deno.test("a watch begins with what was saved, and goes on with what the store says", async () => {
  await using folder = new Folder();
  await save(folder, [["/a/1", "one"], ["/b/1", "x"]], "/a/", "/b/");
  const memory = new MemoryStore([["/a/1", "one"], ["/a/2", "two"]]);
  const saved = await folder.open(memory);
  {
    await using readers = new Readers(saved, "/a/");
    await using _others = new Readers(saved, "/none/");
    await eventually("both came", () => readers.of("/a/")[1]);
    const [first, second] = readers.of("/a/");
    assertEquals(first?.type === "snapshot" && first.saved?.file, folder.file);
    assertEquals(
      first?.type === "snapshot" && first.entries.map(({ key }) => key),
      ["/a/1"],
    );
    assertEquals(second?.type === "snapshot" && second.saved, undefined);
    memory.put("/a/3", "three");
    await eventually("the batch came", () => readers.of("/a/")[2]);
    await using again = new Readers(saved, "/a/");
    await eventually("another watch begins", () => again.of("/a/")[0]);
    assertEquals("saved" in (again.of("/a/")[0] ?? {}), false);
  }
  await saved.close();
  assertEquals(await folder.saved("/a/"), await contentOf(memory, "/a/"));
  // Nobody follows it any more.
  assertEquals(await folder.saved("/b/"), undefined);
});

Deno.test("a file that others damage or remove is made anew from the store", async () => {
  await using folder = new Folder();
  const memory = new MemoryStore([["/a/1", "one"], ["/b/1", "one"]]);
  const saved = await folder.open(memory);
  const isSaved = () =>
    eventually("all is saved", async () => {
      for (const prefix of ["/a/", "/b/"]) {
        const entries = await folder.saved(prefix);
        assertEquals(entries, await contentOf(memory, prefix));
      }
      return true;
    });
  {
    await using readers = new Readers(saved, "/a/", "/b/");
    const harm: (() => Promise<void>)[] = [
      () => Deno.writeTextFile(folder.file, "of somebody else"),
      () => Deno.truncate(folder.file, 20),
      () => Deno.remove(folder.file),
    ];
    for (const [i, one] of harm.entries()) {
      await isSaved();
      await one();
      memory.put("/a/1", `${i}`);
    }
    await isSaved();
    // The readers were told anew, and of nothing twice.
    const told = readers.of("/b/").map(({ type }) => type);
    assertEquals(new Set(told), new Set(["snapshot"]));
    const kinds = readers.of("/a/").map(({ type }) => type);
    assertEquals(kinds.filter((kind) => kind === "batch").length, 3);
  }
  await saved.close();
});

Deno.test("what cannot be written is said, tried again, and not lost", async () => {
  await using folder = new Folder();
  await Deno.remove(folder.path);
  const memory = new MemoryStore([["/a/1", "one"]]);
  const saved = await folder.open(memory);
  {
    await using _readers = new Readers(saved, "/a/");
    const problem = await eventually(
      "it says so",
      () => saved.status.problems[0],
    );
    assertMatch(
      problem,
      /^the state cannot be saved in .+\/state: .+os error 2/,
    );
    memory.put("/a/2", "two");
    memory.delete("/a/1");
    await Deno.mkdir(folder.path);
    await eventually(
      "it is well",
      () => saved.status.problems.length === 0 || undefined,
    );
    // Where the file comes into being is something that cannot be removed.
    await Deno.mkdir(`${folder.path}/full/x`, { recursive: true });
    await eventually("it is in the way", async () => {
      await Deno.rename(`${folder.path}/full`, `${folder.file}.new`);
      return true;
    });
    memory.put("/a/3", "three");
    await eventually("it says so again", () => saved.status.problems[0]);
    await Deno.rename(`${folder.file}.new`, `${folder.path}/full`);
    memory.put("/a/3", "four");
  }
  await saved.close();
  assertEquals(saved.status.problems, []);
  assertEquals(await folder.saved("/a/"), await contentOf(memory, "/a/"));
});

Deno.test("what is unchanged is written for its age alone, and not while that is not known", async () => {
  await using folder = new Folder();
  const memory = new MemoryStore([["/a/1", "one"]]);
  let age = 0;
  const store: Store = {
    watch: (prefix, signal) => memory.watch(prefix, signal),
    age: () => age,
    status: memory.status,
  };
  const saved = await folder.open(store, { every: 1, confirmEvery: 1 });
  const writtenAt = async () => {
    const snapshots = await loadState(folder.file, IDENTITY);
    return snapshots.get("/a/")?.saved?.at;
  };
  {
    await using _readers = new Readers(saved, "/a/");
    const first = await eventually("it is written", writtenAt);
    await eventually(
      "it is written again",
      async () => await writtenAt() !== first || undefined,
    );
    age = Infinity;
  }
  await saved.close();
  const last = await writtenAt();
  assertEquals((last ?? 0) > Date.now() - 60_000, true);
});

const SUBTREES = [
  "/lain/config/",
  "/lain/nodes/nodes/",
  "/lain/deployd/depends/pods/",
  "/lain/deployd/pod_groups/",
];

Deno.test("the state of a store out of reach is served, and its age told", async () => {
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
    const news = SUBTREES.map((prefix, i): [string, News] => [prefix, {
      section: { prefix, revision: 1, at },
      isWhole: true,
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
          `^config is from .+/state, ${told} s old; container is from`,
        ),
      );
      const { present } = server.lainlet.vitals;
      assertEquals(present.stale, true);
      assertMatch(String(Math.floor(present.lag)), new RegExp(`^${told}$`));
    }
    await saved.close();
    // Nothing new was heard, so it is as it was, and so is its age.
    assertEquals(await Deno.readFile(folder.file), before);
  }
});

Deno.test("an empty store takes nothing away of what was saved", async () => {
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

Deno.test("an empty store is not written over what was saved", async () => {
  await using folder = new Folder();
  await save(folder, [["/a/1", "one"]], "/a/");
  const before = await Deno.readFile(folder.file);
  const saved = await folder.open(new MemoryStore());
  {
    await using readers = new Readers(saved, "/a/");
    await eventually("it is read", () => readers.of("/a/")[1]);
  }
  await saved.close();
  assertEquals(await Deno.readFile(folder.file), before);
});

Deno.test("a state in which there is nothing is none", async () => {
  await using folder = new Folder();
  const memory = new MemoryStore([["/a/1", "one"]]);
  const first = await folder.open(memory);
  {
    await using readers = new Readers(first, "/a/");
    await eventually("it is read", () => readers.of("/a/")[0]);
    memory.delete("/a/1");
    await eventually("it is gone", () => readers.of("/a/")[1]);
  }
  await first.close();
  assertEquals(await folder.saved("/a/"), []);
  const second = await folder.open(memory);
  {
    await using readers = new Readers(second, "/a/");
    await eventually("it is read", () => readers.of("/a/")[0]);
    assertEquals("saved" in (readers.of("/a/")[0] ?? {}), false);
  }
  await second.close();
});
