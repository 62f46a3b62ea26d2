import { assertEquals } from "@std/assert";
import { Endpoints } from "../../../lib/store/endpoints.ts";
import { eventually } from "../../util/process.ts";
import { ListenedSignal } from "../../util/signal.ts";
import { ENDS, FakeConnection, MANY, microtasks } from "./fake.ts";

/** Keeps a connection to one endpoint, and notes which were made and used. */
function keeping(
  open: (connection: FakeConnection, made: number) => Promise<number>,
  onUse: (connection: FakeConnection, head: number) => void = () => {},
) {
  const made: FakeConnection[] = [];
  const used: FakeConnection[] = [];
  const ended: FakeConnection[] = [];
  const endpoints = new Endpoints<FakeConnection, number>(["one"], {
    name: "etcd",
    connect: (endpoint) => {
      const connection = new FakeConnection(endpoint);
      made.push(connection);
      return connection;
    },
    open: (connection) => open(connection, made.length),
  });
  const keep = (signal: AbortSignal) =>
    endpoints.keep(({ connection, head }) => {
      if (connection.signal.aborted) ended.push(connection);
      used.push(connection);
      onUse(connection, head);
    }, signal);
  return { endpoints, made, used, ended, keep };
}

/** Ends a connection that is used, at once and later. */
const USED = new Map(
  Array.from({ length: 3 }, (_, count) => [
    -1 - count,
    (connection: FakeConnection) =>
      count === 0
        ? connection.fail("gone")
        : void microtasks(count).then(() => connection.fail("gone")),
  ]),
);

Deno.test("endpoints: whenever a connection ends, another one is used, and what was wrong is known", async () => {
  const ends = new Map(ENDS);
  for (const head of USED.keys()) {
    ends.set(`when it is used ${head}`, () => Promise.resolve(head));
  }
  await Promise.all(Array.from(ends, async ([when, end]) => {
    const abort = new ListenedSignal();
    const { endpoints, made, used, ended, keep } = keeping(
      (connection, count) => count === 1 ? end(connection) : Promise.resolve(2),
      (connection, head) => USED.get(head)?.(connection),
    );
    const kept = keep(abort.signal);
    await eventually(`another one is used: ${when}`, () => {
      const [, second] = made;
      return second && used.includes(second) || undefined;
    }, 5_000);
    assertEquals([when, endpoints.connection], [when, made[1]]);
    assertEquals([when, [...endpoints.problems]], [when, ["gone"]]);
    assertEquals([when, ended], [when, []]);
    abort.abort();
    await kept;
    assertEquals([endpoints.connection, abort.listeners], [undefined, 0]);
    assertEquals(made.map(({ signal }) => signal.aborted), [true, true]);
  }));
});

Deno.test("endpoints: whenever they are left, no connection stays open, and they may be kept again", async () => {
  for (let count = 0; count < MANY; count++) {
    let abort = new AbortController();
    const { endpoints, made, keep } = keeping(() => {
      microtasks(count).then(() => abort.abort());
      return Promise.resolve(1);
    });
    for (let times = 1; times <= 2; times++) {
      abort = new AbortController();
      await keep(abort.signal);
      assertEquals(endpoints.connection, undefined);
      const open = made.filter(({ signal }) => !signal.aborted);
      assertEquals([count, made.length, open], [count, times, []]);
    }
  }
});

Deno.test("endpoints: one that failed is tried last, and what is wrong is forgotten when all is followed", async () => {
  const tried = new Set<string>();
  const abort = new AbortController();
  const endpoints = new Endpoints<FakeConnection, number>(["one", "two"], {
    name: "etcd",
    connect: (endpoint) => new FakeConnection(endpoint),
    open: ({ endpoint }) => Promise.resolve(tried.add(endpoint).size),
  });
  const { promise: isUsed, resolve } = Promise.withResolvers<void>();
  const kept = endpoints.keep(({ connection, head }, use) => {
    if (head === 1) return connection.fail("broken");
    assertEquals([...endpoints.problems], ["broken"]);
    use.resumed();
    assertEquals([[...endpoints.problems], endpoints.reconnects], [[], 1]);
    resolve();
  }, abort.signal);
  await isUsed;
  abort.abort();
  await kept;
});
