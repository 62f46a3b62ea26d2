import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Batch, Store, WatchEvent } from "../../../lib/store/store.ts";
import { type ReadEvent, readEvent } from "../../util/collector.ts";
import { within } from "../../util/process.ts";
import { ListenedSignal } from "../../util/leaks.ts";
import { checkClaims } from "./claims.ts";

/** What a kind of store may lack. */
export type Ability =
  /** Several changes in one revision. */
  | "transactions"
  /** Values that are not UTF-8. */
  | "bytes"
  /** A key that is the beginning of another one, up to a slash. */
  | "a key in a key"
  /** A batch for each revision, and revisions that count by one. */
  | "history"
  /** Keys whose value is empty. */
  | "empty values"
  /** A key that is written with the value that it has is a change. */
  | "equal values";

/** Time limits on a quiet machine, in ms: of a delivery of a watch, and of a step. */
const EVENT_LIMIT = 10_000;
const STEP_LIMIT = 60_000;

/** A store under test, and a way to write to it. */
export interface StoreHarness extends AsyncDisposable {
  readonly store: Store;
  /** What stores of this kind do not have; see `lib/store/store.ts`. */
  readonly lacks?: readonly Ability[];
  /**
   * Puts and deletes (null) keys, in one revision or, without transactions, in
   * one for each.
   *
   * @returns the last revision
   */
  write(
    changes: Readonly<Record<string, string | Uint8Array | null>>,
  ): Promise<number>;
  /** Removes every key. */
  clear(): Promise<void>;
}

type Whole = Extract<ReadEvent, { type: "snapshot" }>;

/** A watch, read item by item. */
class Reader implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #reader: ReadableStreamDefaultReader<WatchEvent>;

  constructor(store: Store, prefix: string) {
    this.#reader = store.watch(prefix, this.#abort.signal).getReader();
  }

  /**
   * Reads the next event, except progress, which may come at any time.
   *
   * @param expected describes the event, for the error if none comes
   */
  async next(expected: string): Promise<ReadEvent | undefined> {
    for (;;) {
      const { value } = await within(
        expected,
        this.#reader.read(),
        EVENT_LIMIT,
      );
      if (value?.type !== "progress") return value && await readEvent(value);
    }
  }

  /** Reads until everything up to a revision has come. @returns the last change of each key */
  async upTo(revision: number): Promise<Record<string, string | null>> {
    const heard = {};
    for (;;) {
      const { value } = await within(
        `progress up to revision ${revision}, which checkFreshness returned`,
        this.#reader.read(),
        EVENT_LIMIT,
      );
      if (value === undefined) throw new Error("the watch has ended");
      if (value.type === "batch") Object.assign(heard, changesOf(value));
      if (value.type === "inventory" || value.revision < revision) continue;
      return heard;
    }
  }

  async snapshot(): Promise<Whole> {
    const item = await this.next("a snapshot");
    if (item?.type === "snapshot") return item;
    throw new Error(`expected a snapshot, not ${JSON.stringify(item)}`);
  }

  /** @param changes that it must have */
  async batch(changes: Record<string, string | null> = {}): Promise<Batch> {
    const expected = `a batch with ${JSON.stringify(changes)}`;
    const item = await this.next(expected);
    if (item?.type === "batch") return item;
    throw new Error(`expected ${expected}, not ${JSON.stringify(item)}`);
  }

  abort(): void {
    this.#abort.abort();
  }

  // deno-lint-ignore require-await
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
  }
}

/** Keys and values as text, in key order. */
function content(snapshot: Whole): [string, string][] {
  return snapshot.entries.map(({ key, value }) => [key, text(value)]);
}

/** Changes as text, by key; a removal is null. */
function changesOf(batch: Batch): Record<string, string | null> {
  return Object.fromEntries(
    batch.changes.map(({ key, value }) => [
      key,
      value === undefined ? null : text(value),
    ]),
  );
}

function isSame(one: object, other: object): boolean {
  const [first, second] = [one, other].map((all) =>
    JSON.stringify(Object.entries(all).sort())
  );
  return first === second;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/**
 * Tests what every store must do: whether lainlet can run on a new kind of
 * store.
 */
export function testConformance(
  name: string,
  open: () => Promise<StoreHarness>,
): void {
  Deno.test(`${name} is a store`, async (t) => {
    await using harness = await open();
    const { store } = harness;
    const write = harness.write.bind(harness);
    const has = (ability: Ability) => !harness.lacks?.includes(ability);
    /** The expected batches of one write, as far as the store can. */
    const batched = (
      changes: Record<string, string | null>,
    ): Record<string, string | null>[] =>
      has("transactions")
        ? [changes]
        : Object.entries(changes).map(([key, value]) => ({ [key]: value }));
    /**
     * Reads the batches of some writes: one for each or, without history,
     * one for some in a row. @param held what the reader knows
     */
    const readBatches = async (
      reader: Reader,
      writes: readonly Record<string, string | null>[],
      held: Record<string, string | null> = {},
    ): Promise<Batch[]> => {
      const batch = await reader.batch(writes[0]);
      const received = changesOf(batch);
      const maxWrites = has("history") ? 1 : writes.length;
      const candidates: Record<string, string | null>[] = [];
      for (let count = 1; count <= maxWrites; count++) {
        const after = Object.assign({}, ...writes.slice(0, count));
        for (const [key, value] of Object.entries(after)) {
          if (value === null && (held[key] ?? null) === null) delete after[key];
        }
        candidates.push(after);
        if (!isSame(received, after)) continue;
        const rest = writes.slice(count);
        if (rest.length === 0) return [batch];
        return [
          batch,
          ...await readBatches(reader, rest, { ...held, ...received }),
        ];
      }
      assertEquals(received, candidates[0]);
      return [];
    };
    const step = (title: string, run: () => Promise<void>) =>
      t.step(title, async () => {
        const all = harness.clear().then(run);
        await within(title, all, STEP_LIMIT);
      });

    await step("an empty prefix is an empty snapshot", async () => {
      await using reader = new Reader(store, "/none/");
      assertEquals((await reader.snapshot()).entries, []);
    });

    await step("the snapshot holds the whole prefix, sorted", async () => {
      await write({
        "/a/2": "two",
        "/a/10": "ten",
        "/a/1": has("empty values") ? "" : "one",
        "/b/1": "no",
        [has("a key in a key") ? "/a" : "/a0"]: "no",
      });
      await using reader = new Reader(store, "/a/");
      assertEquals(content(await reader.snapshot()), [
        ["/a/1", has("empty values") ? "" : "one"],
        ["/a/10", "ten"],
        ["/a/2", "two"],
      ]);
    });

    await step("an entry has the revision that wrote it", async () => {
      await write({ "/a/1": "x" });
      await write({ "/a/2": "x" });
      await using reader = new Reader(store, "/a/");
      const { revision, entries } = await reader.snapshot();
      const [first = 0, second = 0] = entries.map((e) => e.revision);
      if (has("history")) {
        assertEquals([first, second], [revision - 1, revision]);
      } else assert(first < second && second <= revision);
    });

    await step("each revision is one batch, in order", async () => {
      await using reader = new Reader(store, "/a/");
      const { revision } = await reader.snapshot();
      await write({ "/a/1": "one" });
      await write({ "/a/1": "uno", "/a/2": "dos" });
      await write({ "/a/1": null });
      const expected = [
        { "/a/1": "one" },
        ...batched({ "/a/1": "uno", "/a/2": "dos" }),
        { "/a/1": null },
      ];
      const revisions = (await readBatches(reader, expected))
        .map((batch) => batch.revision);
      if (has("history")) {
        assertEquals(revisions, expected.map((_, i) => revision + 1 + i));
      }
      const all = [revision, ...revisions];
      assertEquals(all, [...new Set(all)].sort((a, b) => a - b));
    });

    await step("a write that puts and deletes is one batch", async () => {
      await write({ "/a/1": "x" });
      await using reader = new Reader(store, "/a/");
      await reader.snapshot();
      await write({ "/a/1": null, "/a/2": "y", "/b/1": "not here" });
      for (const changes of batched({ "/a/1": null, "/a/2": "y" })) {
        assertEquals(changesOf(await reader.batch(changes)), changes);
      }
    });

    await step("changes under other prefixes are not delivered", async () => {
      await using reader = new Reader(store, "/a/");
      await reader.snapshot();
      await write({ "/b/1": "x" });
      await write({ "/a0": "x" });
      if (has("a key in a key")) await write({ "/a": "x" });
      await write({ "/a/1": "x" });
      assertEquals(changesOf(await reader.batch({ "/a/1": "x" })), {
        "/a/1": "x",
      });
    });

    await step("deleting what is not there makes no batch", async () => {
      await using reader = new Reader(store, "/a/");
      await reader.snapshot();
      await write({ "/a/1": null });
      await write({ "/a/2": "x" });
      assertEquals(changesOf(await reader.batch({ "/a/2": "x" })), {
        "/a/2": "x",
      });
    });

    await step("writing the same value again makes a batch", async () => {
      await write({ "/a/1": "x" });
      await using reader = new Reader(store, "/a/");
      await reader.snapshot();
      await write({ "/a/1": "x" });
      await write({ "/a/2": "y" });
      const expected: Record<string, string>[] = [{ "/a/2": "y" }];
      if (has("equal values")) expected.unshift({ "/a/1": "x" });
      await readBatches(reader, expected, { "/a/1": "x" });
    });

    await step("values are bytes, of any kind and of 1 MB", async () => {
      const odd = has("bytes")
        ? Uint8Array.of(0xff, 0, 0xc3)
        : new TextEncoder().encode('\0"\\</>');
      const large = "x".repeat(1_000_000);
      await write({
        "/a/odd": odd,
        "/a/text": "例子 \u2028\n",
        "/a/large": large,
      });
      await using reader = new Reader(store, "/a/");
      const [first, second, third] = (await reader.snapshot()).entries;
      assertEquals(first && text(first.value), large);
      assertEquals(second && [...second.value], [...odd]);
      assertEquals(third && text(third.value), "例子 \u2028\n");
    });

    await step(
      "two watches deliver the same, independently",
      async () => {
        await using one = new Reader(store, "/a/");
        await using two = new Reader(store, "/a/");
        await one.snapshot();
        await two.snapshot();
        await write({ "/a/1": "x" });
        const changes = { "/a/1": "x" };
        assertEquals(await one.batch(changes), await two.batch(changes));
        one.abort();
        assertEquals(await one.next("the end of an aborted watch"), undefined);
        await write({ "/a/2": "y" });
        assertEquals(changesOf(await two.batch({ "/a/2": "y" })), {
          "/a/2": "y",
        });
      },
    );

    await step("nothing is lost between snapshot and batches", async () => {
      const writes = 200;
      const writing = (async () => {
        for (let i = 0; i < writes; i++) await write({ [`/a/${i}`]: `${i}` });
      })();
      for (let i = 0; i < 5; i++) {
        await using reader = new Reader(store, "/a/");
        const seen = new Map(content(await reader.snapshot()));
        while (seen.size < writes) {
          for (
            const [key, value] of Object.entries(
              changesOf(await reader.batch()),
            )
          ) {
            assertEquals(seen.has(key), false, `${key} came twice`);
            seen.set(key, value ?? "");
          }
        }
      }
      await writing;
    });

    await step("a watch that was aborted before ends at once", async () => {
      const items = store.watch("/a/", AbortSignal.abort());
      assertEquals(await Array.fromAsync(items), []);
    });

    await step("a reader may leave, and others stay", async () => {
      await using stays = new Reader(store, "/a/");
      await stays.snapshot();
      for await (
        const item of store.watch("/a/", new AbortController().signal)
      ) {
        assertEquals(item.type, "snapshot");
        break;
      }
      await write({ "/a/1": "x" });
      assertEquals(changesOf(await stays.batch({ "/a/1": "x" })), {
        "/a/1": "x",
      });
    });

    await step(
      "a freshness check returns after everything that was written before it is delivered",
      async () => {
        await write({ "/a/1": "0", "/b/1": "0" });
        await using reader = new Reader(store, "/a/");
        const { revision } = await reader.snapshot();
        const listened = new ListenedSignal();
        const { signal } = listened;
        for (let i = 1; i <= 5; i++) {
          await write({ "/a/1": `${i}` });
          const proven = await store.checkFreshness("/a/", signal);
          assertEquals(proven > revision, true);
          assertEquals(await reader.upTo(proven), { "/a/1": `${i}` });
        }
        // A write elsewhere brings progress only.
        await write({ "/b/1": "1" });
        const proofs = Array.from(
          { length: 100 },
          () => store.checkFreshness("/a/", signal),
        );
        const [proven = 0, ...others] = await Promise.all(proofs);
        assertEquals(new Set(others), new Set([proven]));
        assertEquals(await reader.upTo(proven), {});
        assertEquals(listened.listeners, 0);
        // An aborted check does not ask the store any more.
        await assertRejects(
          () => store.checkFreshness("/a/", AbortSignal.abort()),
          DOMException,
        );
      },
    );

    await step(
      "complete revisions are true under constant writes",
      () => checkClaims(harness),
    );

    await step(
      "status and age show that the store is watched",
      async () => {
        await using reader = new Reader(store, "/a/");
        const { revision } = await reader.snapshot();
        assertEquals(store.age("/a/") < 10_000, true);
        assertEquals(store.status.revision >= revision, true);
      },
    );
  });
}
