/**
 * What is said to be of a revision is, while several write to the store
 * without a pause; of lainlets in this process.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import type { Store } from "../../lib/store/store.ts";
import { ZooKeeperStore } from "../../lib/store/zookeeper/store.ts";
import { get } from "../util/client.ts";
import { Frames } from "../util/frames.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";
import type { Changes } from "../util/store.ts";
import { KIND_NAMES, KINDS, startStore } from "../util/stores.ts";
import { Writers } from "../util/writers.ts";
import { MemoryHarness } from "../lib/store/memory.ts";

/** What each of four writers writes in turn: a key in each of two subtrees. */
const KEYS = [0, 1, 2, 3].map((writer) => [
  `/lain/config/w${writer}`,
  `/lain/nodes/nodes/w${writer}:10.0.0.1:22`,
]);
const SEARCH = "view=configwatcher&view=nodes";

/** States by view, and the revision that they are said to be of. */
interface Pair {
  readonly revision: number;
  readonly states: ReadonlyMap<string, unknown>;
}

/** What a key holds in a state, as it was written. */
function valueIn(state: unknown, key: string): string | null {
  const value = Object(state)[key.slice(key.lastIndexOf("/") + 1)] ?? null;
  return value === null || typeof value === "string"
    ? value
    : JSON.stringify(value);
}

/** A stream of two views; notes the states of each revision. */
class Pairs implements AsyncDisposable {
  readonly pairs: Pair[] = [];
  readonly #states = new Map<string, unknown>();
  #revision = 0;

  private constructor(private readonly frames: Frames) {
    this.#read().catch(() => {});
  }

  static async open(url: string): Promise<Pairs> {
    return new Pairs(await Frames.open(`${url}/v2/watch?${SEARCH}`));
  }

  config(key: string): string | null {
    return valueIn(this.#states.get("configwatcher"), key);
  }

  async #read(): Promise<void> {
    for (;;) {
      const { revision, event, data } = await this.frames.frame();
      // Frames of one revision come in a row.
      if (revision !== this.#revision && this.#states.size === 2) {
        const states = new Map(this.#states);
        this.pairs.push({ revision: this.#revision, states });
      }
      this.#revision = revision;
      this.#states.set(event?.split(" ")[1] ?? "", data);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.frames[Symbol.asyncDispose]();
  }
}

/**
 * Reads amid writes, and compares what was read with what was written.
 *
 * @param isSlow whether it takes longer to read a key than until it is written again
 */
async function readsTrue(
  store: Store,
  write: (changes: Changes) => Promise<number>,
  isSlow = false,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const writers = stack.use(new Writers(write, KEYS));
  const { url } = await stack.use(new TestLainlet(store)).ready();
  const stream = stack.use(await Pairs.open(url));
  const reads: { said: number; body: string }[] = [];
  const own = KEYS[0]?.[0] ?? "";
  for (let i = 0; i < 4; i++) {
    const asked = writers.written.get(own)?.at(-1)?.revision ?? 0;
    const fresh = i % 2 === 0 ? "" : "&fresh=1";
    // A busy machine may take longer than a request may wait.
    const { headers, body } = await eventually("it is answered", async () => {
      const answer = await get(
        `${url}/v2/configwatcher?revision=${asked}${fresh}`,
      );
      return answer.status === 200 ? answer : undefined;
    }, 60_000);
    const said = Number(headers.get("lainlet-revision"));
    assert(said >= asked, `${said} is said, ${asked} was asked for`);
    reads.push({ said, body });
  }
  await writers[Symbol.asyncDispose]();
  await write({ "/lain/config/end": "x" });
  await eventually(
    "the end is there",
    () => stream.config("/end") ?? undefined,
  );

  for (const { said, body } of reads) {
    for (const [key = ""] of KEYS) {
      const possible = writers.between(key, said, Infinity);
      const value = valueIn(JSON.parse(body), key);
      assert(
        possible.includes(value),
        `${key} is ${value} at ${said}, and was ${possible[0]}`,
      );
    }
  }
  // Without history, what was written over cannot be read.
  assert(isSlow || stream.pairs.length > 0, "no revision was seen whole");
  for (const { revision, states } of stream.pairs) {
    const [config, nodes] = ["configwatcher", "nodes"].map((view) =>
      states.get(view)
    );
    for (const [one = "", two = ""] of KEYS) {
      assertEquals(
        [revision, valueIn(config, one), valueIn(nodes, two)],
        [
          revision,
          ...[one, two].map((key) =>
            writers.between(key, revision, revision)[0] ?? null
          ),
        ],
      );
    }
  }
}

Deno.test("while others write without a pause, responses and streams are of the revision that they name", async (t) => {
  await t.step("memory", async () => {
    const store = new MemoryStore();
    const harness = new MemoryHarness(store);
    await readsTrue(store, (changes) => harness.write(changes));
  });
  for (const kind of KIND_NAMES) {
    await t.step(kind, async () => {
      await using server = await startStore(kind);
      const store = KINDS[kind].open(server.endpoint);
      await readsTrue(store, (changes) => server.write(changes));
    });
  }
  await t.step("zookeeper, far away", async () => {
    await using server = await startStore("zookeeper");
    await using proxy = new Proxy(server.endpoint);
    proxy.fault = { delay: 20 };
    const store = new ZooKeeperStore([proxy.addr]);
    await readsTrue(store, (changes) => server.write(changes), true);
  });
});
