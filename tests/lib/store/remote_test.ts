import { assert, assertEquals } from "@std/assert";
import { abortable } from "../../../lib/abort.ts";
import { Endpoints } from "../../../lib/store/endpoints.ts";
import { RemoteStore } from "../../../lib/store/remote.ts";
import type { WatchEvent } from "../../../lib/store/store.ts";
import {
  type KeyRevisions,
  PrefixWatch,
  type WatchRun,
} from "../../../lib/store/watch.ts";
import { eventually } from "../../util/process.ts";
import { ListenedSignal } from "../../util/leaks.ts";
import { FakeConnection, microtasks } from "./fake.ts";

/** The steps of a store on a connection, in this order. */
const STAGES = [
  "connect",
  "open",
  "compare the history",
  "run a watch",
  "read an inventory",
  "check",
  "wait",
] as const;

type Stage = typeof STAGES[number];

class FakeWatch extends PrefixWatch<FakeConnection> {
  override revision = 0;
  override completeRevision: number | undefined;
  readonly #stopped = Promise.withResolvers<void>();

  constructor(
    prefix: string,
    controller: PrefixWatch["controller"],
    private readonly enter: (connection: FakeConnection) => Promise<unknown>,
  ) {
    super(prefix, controller);
  }

  override async run(connection: FakeConnection, run: WatchRun): Promise<void> {
    assertEquals(this.isLive, false, "it runs already");
    await this.enter(connection);
    if (!run.isCurrent()) return;
    this.isLive = true;
    run.ready();
    await abortable(this.#stopped.promise, connection.signal);
  }

  override get hasCheckpoint(): boolean {
    return this.revision > 0;
  }

  override stop(): void {
    this.#stopped.resolve();
  }

  override forget(): void {}
}

/** An empty store, which records its steps. */
class FakeStore extends RemoteStore<FakeConnection, FakeWatch> {
  readonly made: FakeConnection[] = [];
  protected readonly endpoints = new Endpoints<FakeConnection>(
    ["one"],
    {
      name: "etcd",
      connect: (endpoint) => {
        const connection = new FakeConnection(endpoint);
        this.made.push(connection);
        this.enter("connect", connection);
        return connection;
      },
      open: async (connection) => ({
        revision: await this.#pass("open", connection),
      }),
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

  protected createWatch(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): FakeWatch {
    return new FakeWatch(
      prefix,
      controller,
      (connection) => this.#pass("run a watch", connection),
    );
  }

  protected async isSameHistory(
    _: FakeWatch,
    connection: FakeConnection,
  ): Promise<boolean> {
    await this.#pass("compare the history", connection);
    return !this.isOther || connection === this.made[0];
  }

  protected async check(
    connection: FakeConnection,
    live: readonly FakeWatch[],
  ): Promise<FakeWatch[]> {
    const revision = await this.#pass("check", connection);
    for (const watch of live) {
      watch.completeRevision = watch.revision = revision;
    }
    setTimeout(() => this.enter("wait", connection));
    return [...live];
  }

  protected async readInventory(
    connection: FakeConnection,
  ): Promise<KeyRevisions> {
    const revision = await this.#pass("read an inventory", connection);
    return { revision, keys: new Map() };
  }

  async #pass(stage: Stage, connection: FakeConnection): Promise<number> {
    this.enter(stage, connection);
    await undefined;
    if (connection.signal.aborted) throw connection.signal.reason;
    return ++this.#revision;
  }
}

/** Reads a watch until it ends. @returns the types of its events */
async function read(
  items: ReadableStream<WatchEvent>,
): Promise<Set<WatchEvent["type"]>> {
  return new Set((await Array.fromAsync(items)).map(({ type }) => type));
}

/** Each stage, and how many microtasks after its beginning something happens. */
const MOMENTS = STAGES.flatMap((stage) =>
  Array.from({ length: 12 }, (_, count) => ({ stage, count }))
);

Deno.test("remote store: whenever a connection ends, all watches run on another one, and are confirmed", async () => {
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

Deno.test("remote store: whenever its watch ends, no connection stays open, and the next watch is served", async () => {
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

Deno.test("remote store: an added watch runs once, whatever the connection is doing", async () => {
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

Deno.test("remote store: each history has its own age", async () => {
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

Deno.test("remote store: what an ended watch delivered counts as another history where nothing shows that it is the same", async () => {
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

Deno.test("remote store: an ended watch leaves no listener on the signal", async () => {
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

Deno.test("remote store: a check that outlasts its connection confirms nothing of the next history", async () => {
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

Deno.test("remote store: the end of one watch does not end the others' connection", async () => {
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

Deno.test("remote store: a check confirms nothing for a caller that came after its beginning", async () => {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  let checks = 0;
  class SlowStore extends FakeStore {
    protected override async check(
      connection: FakeConnection,
      live: readonly FakeWatch[],
    ): Promise<FakeWatch[]> {
      checks++;
      begun.resolve();
      if (checks === 1) await end.promise;
      return await super.check(connection, live);
    }
  }
  const store = new SlowStore(() => {});
  const abort = new AbortController();
  const items = read(store.watch("/a/", abort.signal));
  await begun.promise;
  const confirmed = store.checkFreshness("/a/", abort.signal);
  end.resolve();
  await confirmed;
  assertEquals(checks, 2);
  abort.abort();
  await items;
});
