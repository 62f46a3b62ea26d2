import { assertEquals, assertMatch } from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { MemoryStore } from "../../../../lib/store/memory.ts";
import { loadState } from "../../../../lib/store/saved/read.ts";
import type { Store, WatchEvent } from "../../../../lib/store/store.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { CapturedLog } from "../../../util/captured_log.ts";
import { Random } from "../../../util/model.ts";
import { eventually } from "../../../util/process.ts";
import { testConformance } from "../conformance.ts";
import { MemoryHarness } from "../memory.ts";
import { contentOf, Folder, IDENTITY, Readers, save } from "./folder.ts";

testConformance("a store that is saved", async () => {
  const folder = new Folder();
  const memory = new MemoryStore();
  const saved = await folder.open(memory);
  return new MemoryHarness(memory, saved, async () => {
    await saved.close();
    await folder[Symbol.asyncDispose]();
  });
});

Deno.test("after any changes and restarts the file holds what the store does", async (t) => {
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

Deno.test("a watch delivers the saved state, and then what the store delivers", async () => {
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

Deno.test("a file that is damaged or removed is written again from the store", async () => {
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

Deno.test("a failed write is reported, retried, and loses nothing", async () => {
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

Deno.test("an unchanged state is written to confirm it, and not while that is unknown", async () => {
  await using folder = new Folder();
  const memory = new MemoryStore([["/a/1", "one"]]);
  let age = 0;
  const store: Store = {
    watch: (prefix, signal) => memory.watch(prefix, signal),
    age: () => age,
    checkFreshness: (prefix, signal) => memory.checkFreshness(prefix, signal),
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

Deno.test("an empty store is not saved", async () => {
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

Deno.test("an empty store with batches without changes is not saved, either", async () => {
  await using folder = new Folder();
  await save(folder, [["/a/1", "one"]], "/a/");
  await assertStays(folder, [
    { type: "snapshot", revision: 1, pages: [] },
    // As when ZooKeeper gets a znode without a value.
    { type: "batch", revision: 2, changes: [] },
  ]);
});

Deno.test("a snapshot of which something may not be read does not replace what was saved", async () => {
  await using folder = new Folder();
  await save(folder, [["/a/1", "one"], ["/a/2", "two"]], "/a/");
  const value = new TextEncoder().encode("new");
  await assertStays(folder, [
    {
      type: "snapshot",
      revision: 8,
      pages: [[{ key: "/a/1", value, revision: 8 }]],
      refused: ["/a/2"],
    },
    { type: "batch", revision: 9, changes: [{ key: "/a/3", value }] },
  ]);
});

/** Checks that two events of a store do not change what is saved of `/a/`. */
async function assertStays(
  folder: Folder,
  items: readonly [WatchEvent, WatchEvent],
): Promise<void> {
  const before = await Deno.readFile(folder.file);
  const memory = new MemoryStore();
  const saved = await folder.open({
    watch: () => ReadableStream.from(items),
    age: () => 0,
    checkFreshness: (prefix, signal) => memory.checkFreshness(prefix, signal),
    status: memory.status,
  });
  {
    await using readers = new Readers(saved, "/a/");
    await eventually("both are read", () => readers.of("/a/")[2]);
  }
  await saved.close();
  assertEquals(await Deno.readFile(folder.file), before);
}

Deno.test("an empty saved state is not used", async () => {
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

Deno.test("nothing of another cluster at the same address is kept", async () => {
  using logged = new CapturedLog();
  await using folder = new Folder();
  await using one = await TestEtcd.start();
  await one.write({ "/a/1": "one", "/b/1": "one" });
  const first = await folder.open(new EtcdStore([one.endpoint]));
  {
    await using readers = new Readers(first, "/a/", "/b/");
    await eventually(
      "all is read",
      () => readers.isRead("/a/") && readers.isRead("/b/") || undefined,
    );
  }
  await first.close();
  await using other = await TestEtcd.start();
  await other.write({ "/a/2": "other", "/b/2": "other" });
  await other.authenticate(["/a/"]);
  const auth = { username: "lainlet", password: "secret" };
  const second = await folder.open(new EtcdStore([other.endpoint], { auth }));
  {
    await using readers = new Readers(second, "/a/", "/b/");
    await eventually("one is read", () => readers.isRead("/a/") || undefined);
    const [known] = readers.of("/b/");
    assertEquals(known?.type === "snapshot" && known.entries.length, 1);
    await eventually(
      "it is written",
      async () =>
        /^\/a\/2 of/.test(`${await folder.saved("/a/")}`) || undefined,
    );
  }
  await second.close();
  // What may not be read of it is not the other one's.
  assertEquals(await folder.saved("/b/"), undefined);
  assertEquals(logged.about(/state is of another cluster/).length, 1);
});
