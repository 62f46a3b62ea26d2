import { assert, assertEquals } from "@std/assert";
import {
  type Dialed,
  Endpoints,
  type Use,
} from "../../../lib/store/endpoints.ts";
import { type Followed, FollowedStore } from "../../../lib/store/remote.ts";
import type { WatchEvent } from "../../../lib/store/store.ts";
import { eventually } from "../../util/process.ts";
import { ListenedSignal } from "../../util/signal.ts";
import { FakeConnection, microtasks } from "./fake.ts";

/** What a store does with a connection, in this order. */
const STAGES = [
  "connect",
  "open",
  "serve",
  "check",
  "read an inventory",
  "wait",
] as const;

type Stage = typeof STAGES[number];

class FakeWatch implements Followed<number> {
  revision = 0;
  complete?: number;
  isLive = false;

  constructor(
    readonly prefix: string,
    private readonly controller: ReadableStreamDefaultController<WatchEvent>,
  ) {}

  get isMarked(): boolean {
    return this.revision > 0;
  }

  forget(): void {}

  beginInventory(): void {}

  deliver(revision: number): void {
    const [keys, unsettled] = [new Map(), new Set<string>()];
    this.controller.enqueue({ type: "inventory", revision, keys, unsettled });
  }
}

/** A store of nothing, which says what it does. */
class FakeStore
  extends FollowedStore<FakeConnection, number, FakeWatch, number> {
  readonly made: FakeConnection[] = [];
  protected readonly endpoints = new Endpoints<FakeConnection, number>(
    ["one"],
    {
      name: "etcd",
      connect: (endpoint) => {
        const connection = new FakeConnection(endpoint);
        this.made.push(connection);
        this.enter("connect", connection);
        return connection;
      },
      open: (connection) => this.#pass("open", connection),
    },
  );
  #revision = 0;

  /** @param isOther whether the second connection's history is known to be another one */
  constructor(
    readonly enter: (stage: Stage, of: FakeConnection) => void,
    private readonly isOther = true,
  ) {
    super({ checkEvery: 20, verifyEvery: 20 });
  }

  protected begin(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): FakeWatch {
    return new FakeWatch(prefix, controller);
  }

  protected leave(): void {}

  protected follow(watch: FakeWatch): void {
    assertEquals(watch.isLive, false, "it is followed already");
    watch.isLive = true;
  }

  protected async serve(
    { connection, head }: Dialed<FakeConnection, number>,
    use: Use,
  ): Promise<void> {
    await this.#pass("serve", connection).catch(() => {});
    if (connection.signal.aborted) return;
    const isOther = this.isOther && this.made.length > 1;
    this.enterHistory(connection, head, isOther);
    for (const watch of this.watches) this.follow(watch);
    use.resumed();
    this.keepChecking(connection, use);
  }

  protected async check(
    connection: FakeConnection,
    live: readonly FakeWatch[],
  ): Promise<FakeWatch[]> {
    const revision = await this.#pass("check", connection);
    for (const watch of live) watch.complete = watch.revision = revision;
    setTimeout(() => this.enter("wait", connection));
    return [...live];
  }

  protected readInventory(connection: FakeConnection): Promise<number> {
    return this.#pass("read an inventory", connection);
  }

  async #pass(stage: Stage, connection: FakeConnection): Promise<number> {
    this.enter(stage, connection);
    await undefined;
    if (connection.signal.aborted) throw connection.signal.reason;
    return ++this.#revision;
  }
}

/** Reads a watch until it ends. @returns the types of what came */
async function read(
  items: ReadableStream<WatchEvent>,
): Promise<Set<WatchEvent["type"]>> {
  return new Set((await Array.fromAsync(items)).map(({ type }) => type));
}

/** Each stage, and how many microtasks after its beginning something happens. */
const MOMENTS = STAGES.flatMap((stage) =>
  Array.from({ length: 12 }, (_, count) => ({ stage, count }))
);

Deno.test("a followed store: whenever a connection ends, all is followed by another one, and proven", async () => {
  await Promise.all(MOMENTS.map(async ({ stage, count }) => {
    const when = `${count} microtasks after: ${stage}`;
    let isDone = false;
    const store = new FakeStore((at, connection) => {
      if (isDone || at !== stage || connection !== store.made[0]) return;
      isDone = true;
      if (count === 0) connection.fail("gone");
      else microtasks(count).then(() => connection.fail("gone"));
    });
    const listened = new ListenedSignal();
    const { signal } = listened;
    const types = read(store.watch("/a/", signal));
    const proof = store.checkFreshness("/a/", signal);
    await eventually(
      `another one is made ${when}`,
      () => store.made.length === 2 || undefined,
      5_000,
    );
    await eventually(
      `it is proven ${when}`,
      () => Promise.all([proof, store.checkFreshness("/a/", signal)]),
      5_000,
    );
    assertEquals([when, store.made.length], [when, 2]);
    assertEquals([when, store.status.problems], [when, []]);
    assert(store.age("/a/") < 5_000, when);
    listened.abort();
    const open = store.made.filter(({ signal }) => !signal.aborted);
    assertEquals([when, open], [when, []]);
    assertEquals([when, (await types).has("progress")], [when, true]);
  }));
});

Deno.test("a followed store: whenever its reader leaves, no connection stays open, and the next one is served", async () => {
  await Promise.all(MOMENTS.map(async ({ stage, count }) => {
    const when = `${count} microtasks after: ${stage}`;
    const left = new ListenedSignal();
    const store = new FakeStore((at, connection) => {
      if (at !== stage || connection !== store.made[0]) return;
      if (count === 0) left.abort();
      else microtasks(count).then(() => left.abort());
    });
    await read(store.watch("/a/", left.signal));
    const abort = new AbortController();
    const next = read(store.watch("/a/", abort.signal));
    await eventually(
      `the next one is served ${when}`,
      () => store.checkFreshness("/a/", abort.signal),
      5_000,
    );
    const open = store.made.filter(({ signal }) => !signal.aborted);
    assertEquals([when, open], [when, [store.made.at(-1)]]);
    abort.abort();
    await next;
    assertEquals(
      store.made.filter(({ signal }) => !signal.aborted),
      [],
    );
  }));
});

Deno.test("a followed store: a prefix that is added is followed once, whatever the connection is doing", async () => {
  await Promise.all(MOMENTS.map(async ({ stage, count }) => {
    const when = `${count} microtasks after: ${stage}`;
    const abort = new AbortController();
    let added: Promise<unknown> | undefined;
    const store = new FakeStore((at) => {
      if (at !== stage) return;
      microtasks(count).then(() =>
        added ??= read(store.watch("/b/", abort.signal))
      );
    });
    const first = read(store.watch("/a/", abort.signal));
    await eventually(`it is added ${when}`, () => added && true, 5_000);
    await eventually(
      `it is proven ${when}`,
      () => store.checkFreshness("/b/", abort.signal),
      5_000,
    );
    abort.abort();
    await Promise.all([first, added]);
  }));
});

Deno.test("a followed store: in another history nothing is as old, or as new, as in the one before", async () => {
  const store = new FakeStore(() => {});
  const abort = new AbortController();
  const items = read(store.watch("/a/", abort.signal));
  await store.checkFreshness("/a/", abort.signal);
  assert(store.age("/a/", 0) < 5_000);
  assertEquals(store.age("/a/", 1), Infinity);
  store.made[0]?.fail("gone");
  await eventually(
    "it is followed again",
    () => Number.isFinite(store.age("/a/", 1)) || undefined,
  );
  const before = store.age("/a/", 0);
  await store.checkFreshness("/a/", abort.signal);
  assert(store.age("/a/", 0) >= before);
  assertEquals(store.age("/a/") < before, true);
  abort.abort();
  await items;
});

Deno.test("a followed store: where nothing tells what a watch that has ended delivered from what there is, that is of another history", async () => {
  const store = new FakeStore(() => {}, false);
  const [first, second] = [new AbortController(), new AbortController()];
  const items = [read(store.watch("/a/", first.signal))];
  await store.checkFreshness("/a/", first.signal);
  store.made[0]?.fail("gone");
  items.push(read(store.watch("/a/", second.signal)));
  first.abort();
  await store.checkFreshness("/a/", second.signal);
  assertEquals(store.made.length, 2);
  assert(store.age("/a/", 1) < 5_000);
  second.abort();
  await Promise.all(items);
});

Deno.test("a followed store: who reads no more is forgotten by the signal", async () => {
  const store = new FakeStore(() => {});
  const listened = new ListenedSignal();
  for (let i = 0; i < 3; i++) {
    await store.watch("/a/", listened.signal).cancel();
  }
  assertEquals(listened.listeners, 0);
  await eventually(
    "no connection is open",
    () => store.made.every(({ signal }) => signal.aborted) || undefined,
  );
});

Deno.test("a followed store: a check that outlasts its connection proves nothing of the next history", async () => {
  const late = Promise.withResolvers<void>();
  const checked = Promise.withResolvers<void>();
  class LateStore extends FakeStore {
    protected override async check(
      connection: FakeConnection,
      live: readonly FakeWatch[],
    ): Promise<FakeWatch[]> {
      const proven = await super.check(connection, live);
      if (connection === this.made[0]) await late.promise;
      else await new Promise(() => checked.resolve());
      return proven;
    }
  }
  const begun = Promise.withResolvers<void>();
  const store = new LateStore((stage) => stage === "wait" && begun.resolve());
  const abort = new AbortController();
  const items = read(store.watch("/a/", abort.signal));
  await begun.promise;
  store.made[0]?.fail("gone");
  await checked.promise;
  late.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(store.age("/a/", 1), Infinity);
  abort.abort();
  await items;
});

Deno.test("a followed store: one reader that leaves costs the others no connection", async () => {
  await Promise.all(MOMENTS.map(async ({ stage, count }) => {
    const when = `${count} microtasks after: ${stage}`;
    const left = new AbortController();
    const store = new FakeStore((at) => {
      if (at === stage) microtasks(count).then(() => left.abort());
    });
    const abort = new AbortController();
    const others = read(store.watch("/b/", abort.signal));
    await read(store.watch("/a/", left.signal));
    await eventually(
      `the other one is proven ${when}`,
      () => store.checkFreshness("/b/", abort.signal),
      5_000,
    );
    assertEquals([when, store.made.length], [when, 1]);
    abort.abort();
    await others;
  }));
});
