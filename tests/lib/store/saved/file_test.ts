import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BadState, type Identity } from "../../../../lib/store/saved/format.ts";
import { loadState } from "../../../../lib/store/saved/read.ts";
import { writeState } from "../../../../lib/store/saved/write.ts";
import type { PendingWrite } from "../../../../lib/store/saved/pending.ts";
import type { Entry } from "../../../../lib/store/store.ts";

const IDENTITY: Identity = {
  kind: "etcd",
  endpoints: ["http://a", "http://b"],
};

function entry(key: string, value: string | Uint8Array, revision = 1): Entry {
  const bytes = typeof value === "string"
    ? new TextEncoder().encode(value)
    : value;
  return { key, value: bytes, revision };
}

function whole(
  prefix: string,
  entries: readonly Entry[],
): [string, PendingWrite] {
  return [prefix, {
    section: { prefix, revision: 7, at: 1_700_000_000_000 },
    isComplete: true,
    changes: new Map(entries.map((one) => [one.key, one])),
  }];
}

/** A state file in a folder of its own. */
class StateFile implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "lainlet-state-" });
  readonly path = `${this.folder}/state`;

  async write(
    news: Iterable<[string, PendingWrite]>,
    hasOld = false,
  ): Promise<void> {
    await writeState(this.path, IDENTITY, new Map(news), hasOld);
  }

  /** What it holds, by prefix. */
  async content(): Promise<Record<string, Entry[]>> {
    const snapshots = await loadState(this.path, IDENTITY);
    return Object.fromEntries(
      [...snapshots].map((
        [prefix, { pages: [entries] }],
      ) => [prefix, [...entries]]),
    );
  }

  /** That it is found to be no state. @param what it is */
  async isBad(what: string): Promise<void> {
    try {
      await this.content();
    } catch (error) {
      if (error instanceof BadState) return;
      throw error;
    }
    throw new Error(`a file was taken that is ${what}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

const SMALL = [
  whole("/a/", [entry("/a/1", "one", 3), entry("/a/2", "", 2 ** 52)]),
  whole("/b/", []),
];

Deno.test("a state file holds what was written, for its owner alone", async () => {
  await using file = new StateFile();
  const large = crypto.getRandomValues(new Uint8Array(60_000));
  const entries = [
    entry("/a/10", Uint8Array.of(0xff, 0, 0xc3), 3),
    entry("/a/例子\u2028", "x".repeat(3_000_000), 4),
    ...Array.from({ length: 100 }, (_, i) => entry(`/a/large${i}`, large, i)),
  ];
  await file.write([whole("/a/", entries), whole("/b/", [])]);
  const sorted = entries.toSorted((a, b) => a.key < b.key ? -1 : 1);
  assertEquals(await file.content(), { "/a/": sorted, "/b/": [] });
  const snapshot = (await loadState(file.path, IDENTITY)).get("/a/");
  assertEquals([snapshot?.revision, snapshot?.saved], [7, {
    file: file.path,
    at: 1_700_000_000_000,
  }]);
  const { mode } = await Deno.stat(file.path);
  assertEquals((mode ?? 0) & 0o777, 0o600);
  assertEquals([...Deno.readDirSync(file.folder)].length, 1);
});

Deno.test("a write adds changes to what the file holds", async () => {
  await using file = new StateFile();
  const section = (prefix: string) => ({ prefix, revision: 9, at: 9 });
  await file.write([
    whole("/a/", [entry("/a/1", "1"), entry("/a/2", "2"), entry("/a/3", "3")]),
    whole("/b/", [entry("/b/1", "1")]),
    whole("/c/", [entry("/c/1", "1")]),
    whole("/gone/", [entry("/gone/1", "1")]),
  ]);
  await file.write([
    ["/b/", { isComplete: false, changes: new Map() }],
    ["/a/", {
      section: section("/a/"),
      isComplete: false,
      changes: new Map([
        ["/a/1", undefined],
        ["/a/2", entry("/a/2", "two", 9)],
        ["/a/0", entry("/a/0", "zero", 9)],
        ["/a/none", undefined],
      ]),
    }],
    whole("/c/", [entry("/c/2", "2")]),
    whole("/d/", [entry("/d/1", "1")]),
  ], true);
  assertEquals(await file.content(), {
    "/a/": [
      entry("/a/0", "zero", 9),
      entry("/a/2", "two", 9),
      entry("/a/3", "3"),
    ],
    "/b/": [entry("/b/1", "1")],
    "/c/": [entry("/c/2", "2")],
    "/d/": [entry("/d/1", "1")],
  });
  const snapshots = await loadState(file.path, IDENTITY);
  assertEquals(snapshots.get("/a/")?.revision, 9);
  assertEquals(snapshots.get("/b/")?.revision, 7);
});

Deno.test("a state file that is cut anywhere is refused", async () => {
  await using file = new StateFile();
  await file.write(SMALL);
  const bytes = await Deno.readFile(file.path);
  for (let size = 0; size < bytes.length; size++) {
    await Deno.writeFile(file.path, bytes.subarray(0, size));
    await file.isBad(`cut to ${size} bytes`);
  }
  await Deno.writeFile(file.path, Uint8Array.of(...bytes, 0));
  await assertRejects(() => file.content(), BadState, "damaged");
  await Deno.writeFile(file.path, bytes);
  assertEquals(Object.keys(await file.content()), ["/a/", "/b/"]);
});

Deno.test("a state file with any wrong bit is refused", async () => {
  await using file = new StateFile();
  await file.write(SMALL);
  const bytes = await Deno.readFile(file.path);
  for (let i = 0; i < 8 * bytes.length; i++) {
    const wrong = bytes.slice();
    wrong[i >> 3] = (bytes[i >> 3] ?? 0) ^ (1 << (i & 7));
    await Deno.writeFile(file.path, wrong);
    await file.isBad(`with a wrong bit ${i}`);
    // A file that is damaged is not put into the place of itself.
    if (i % 64 !== 0) continue;
    const nothing: [string, PendingWrite][] = [["/a/", {
      isComplete: false,
      changes: new Map(),
    }]];
    await assertRejects(() => file.write(nothing, true), BadState);
    assertEquals(await Deno.readFile(file.path), wrong);
    assertEquals([...Deno.readDirSync(file.folder)].length, 1);
  }
});

Deno.test("any other file is refused with its reason", async () => {
  await using file = new StateFile();
  const reads = (identity: Identity) => loadState(file.path, identity);
  await assertRejects(() => file.content(), BadState, "os error 2");
  await file.write(SMALL);
  const bytes = await Deno.readFile(file.path);
  assertEquals(
    (await reads({ kind: "etcd", endpoints: ["http://b"] })).size,
    2,
  );
  for (
    const identity of [
      { kind: "etcd2", endpoints: IDENTITY.endpoints },
      { kind: "etcd", endpoints: ["http://c"] },
      { kind: "etcd", endpoints: [] },
    ]
  ) {
    await assertRejects(
      () => reads(identity),
      BadState,
      "it is of etcd at http://a,http://b",
    );
  }
  bytes[8] = 2;
  await Deno.writeFile(file.path, bytes);
  await assertRejects(() => file.content(), BadState, "version 2, not 1");
  await Deno.writeTextFile(file.path, '{"a": "text of another program"}');
  await assertRejects(() => file.content(), BadState, "no saved state");
  await Deno.remove(file.path);
  await Deno.mkdir(file.path);
  await assertRejects(() => file.content(), BadState, "not a file");
});

Deno.test("a state file that is a link, of another user, or open to others is not used", async () => {
  await using file = new StateFile();
  await file.write(SMALL);
  const nothing: [string, PendingWrite][] = [["/a/", {
    isComplete: false,
    changes: new Map(),
  }]];
  const refuses = async (reason: RegExp) => {
    for (const use of [() => file.content(), () => file.write(nothing, true)]) {
      const { message } = await assertRejects(use, BadState);
      assertMatch(message, reason);
    }
  };
  for (const mode of [0o620, 0o602, 0o666]) {
    await Deno.chmod(file.path, mode);
    await refuses(
      new RegExp(
        `^others may write it \\(mode 0${mode.toString(8)}\\): chmod 600`,
      ),
    );
  }
  await Deno.chmod(file.path, 0o644);
  assertEquals(Object.keys(await file.content()), ["/a/", "/b/"]);
  const elsewhere = `${file.folder}/elsewhere`;
  await Deno.rename(file.path, elsewhere);
  await Deno.symlink(elsewhere, file.path);
  await refuses(/^it is a symbolic link$/);
  const isRoot = Deno.uid() === 0;
  await Deno.remove(file.path);
  if (isRoot) {
    await Deno.rename(elsewhere, file.path);
    await Deno.chown(file.path, 12_345, null);
    await refuses(/^it belongs to user 12345, and lainlet runs as user 0$/);
  } else {
    const reads = () => loadState("/etc/passwd", IDENTITY);
    await assertRejects(reads, BadState, "it belongs to user 0, and lainlet");
  }
});

Deno.test("a state file of another cluster at the same endpoints is another", async () => {
  await using file = new StateFile();
  const write = (cluster?: string, hasOld = false) =>
    writeState(file.path, { ...IDENTITY, cluster }, new Map(SMALL), hasOld);
  await write("one");
  const loaded = await loadState(file.path, IDENTITY);
  assertEquals(loaded.get("/a/")?.cluster, "one");
  await write("one", true);
  await assertRejects(
    () => write("two", true),
    BadState,
    "it is of another cluster",
  );
  // Where it is not known it is no reason.
  await write(undefined, true);
  await write("two", true);
});

Deno.test("a link at the path of the new file is not followed", async () => {
  await using file = new StateFile();
  await Deno.writeTextFile(`${file.folder}/other`, "as it was");
  await Deno.symlink(`${file.folder}/other`, `${file.path}.new`);
  await file.write(SMALL);
  assertEquals(await Deno.readTextFile(`${file.folder}/other`), "as it was");
  assertEquals((await Deno.lstat(file.path)).isFile, true);
});
