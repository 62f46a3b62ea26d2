import { assert, assertEquals } from "@std/assert";
import type { ResponseHeader } from "../../../lib/store/connection.ts";
import { dial, Endpoints } from "../../../lib/store/endpoints.ts";
import { eventually } from "../../util/process.ts";
import { ListenedSignal } from "../../util/leaks.ts";
import { ENDS, FakeConnection, MANY, microtasks } from "./fake.ts";

/** Keeps a connection to one endpoint, and notes which were made and used. */
function keeping(
  open: (connection: FakeConnection, made: number) => Promise<ResponseHeader>,
  onUse: (connection: FakeConnection, revision: number) => void = () => {},
) {
  const made: FakeConnection[] = [];
  const used: FakeConnection[] = [];
  const ended: FakeConnection[] = [];
  const endpoints = new Endpoints<FakeConnection>(["one"], {
    name: "etcd",
    connect: (endpoint) => {
      const connection = new FakeConnection(endpoint);
      made.push(connection);
      return connection;
    },
    open: (connection) => open(connection, made.length),
  });
  const keep = (signal: AbortSignal) =>
    endpoints.keepConnected(({ connection, header }) => {
      if (connection.signal.aborted) ended.push(connection);
      used.push(connection);
      onUse(connection, header.revision);
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

Deno.test("endpoints: whenever a connection ends, another one is used, and the error is reported", async () => {
  const ends = new Map(ENDS);
  for (const revision of USED.keys()) {
    ends.set(
      `when it is used ${revision}`,
      () => Promise.resolve({ revision }),
    );
  }
  await Promise.all(Array.from(ends, async ([when, end]) => {
    const abort = new ListenedSignal();
    const { endpoints, made, used, ended, keep } = keeping(
      (connection, count) =>
        count === 1 ? end(connection) : Promise.resolve({ revision: 2 }),
      (connection, revision) => USED.get(revision)?.(connection),
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

Deno.test("endpoints: whenever the signal aborts, no connection stays open, and another call connects again", async () => {
  for (let count = 0; count < MANY; count++) {
    let abort = new AbortController();
    const { endpoints, made, keep } = keeping(() => {
      microtasks(count).then(() => abort.abort());
      return Promise.resolve({ revision: 1 });
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

Deno.test("endpoints: a failed endpoint is tried last, and errors are cleared when all watches run", async () => {
  const tried = new Set<string>();
  const abort = new AbortController();
  const endpoints = new Endpoints<FakeConnection>(["one", "two"], {
    name: "etcd",
    connect: (endpoint) => new FakeConnection(endpoint),
    open: ({ endpoint }) =>
      Promise.resolve({ revision: tried.add(endpoint).size }),
  });
  const { promise: isUsed, resolve } = Promise.withResolvers<void>();
  const kept = endpoints.keepConnected(({ connection, header }, observer) => {
    if (header.revision === 1) return connection.fail("broken");
    assertEquals([...endpoints.problems], ["broken"]);
    observer.resumed();
    assertEquals([[...endpoints.problems], endpoints.reconnects], [[], 1]);
    resolve();
  }, abort.signal);
  await isUsed;
  abort.abort();
  await kept;
});

/** Dials some endpoints, and notes which connections were made, and what failed. */
function dialing(
  endpoints: readonly string[],
  open: (connection: FakeConnection, made: number) => Promise<ResponseHeader>,
  { signal }: { signal: AbortSignal } = new AbortController(),
) {
  const made: FakeConnection[] = [];
  const failures: string[] = [];
  const dialed = dial(
    endpoints,
    {
      connect: (endpoint) => {
        const connection = new FakeConnection(endpoint);
        made.push(connection);
        return connection;
      },
      open: (connection) => open(connection, made.length),
    },
    (endpoint, error) =>
      failures.push(`${endpoint}: ${error instanceof Error && error.message}`),
    signal,
  );
  return { dialed, made, failures };
}

Deno.test("dial: a connection that ends while it is opened is a failure, and the endpoint is tried again", async () => {
  await Promise.all(Array.from(ENDS, async ([when, end]) => {
    const { dialed, made, failures } = dialing(
      ["one"],
      (connection, count) =>
        count === 1 ? end(connection) : Promise.resolve({ revision: 2 }),
    );
    const winner = await dialed;
    assert(winner);
    // One that ends later is its owner's matter.
    const isLater = winner.header.revision === 1;
    assertEquals(
      [when, made.length, failures],
      isLater ? [when, 1, []] : [when, 2, ["one: gone"]],
    );
    assert(isLater || !winner.connection.signal.aborted, when);
  }));
});

Deno.test("dial: whenever the signal aborts, no connection stays open", async () => {
  for (let count = 0; count < MANY; count++) {
    const abort = new AbortController();
    const { dialed, made } = dialing(["one", "two"], () => {
      microtasks(count).then(() => abort.abort());
      return Promise.resolve({ revision: 1 });
    }, abort);
    const winner = await dialed;
    const open = made.filter(({ signal }) => !signal.aborted);
    // What was handed over before is its owner's.
    assertEquals([count, open], [count, winner ? [winner.connection] : []]);
  }
  const { dialed, made } = dialing(
    ["one"],
    () => Promise.resolve({ revision: 1 }),
    { signal: AbortSignal.abort() },
  );
  assertEquals([await dialed, made], [undefined, []]);
});

Deno.test("dial: a silent endpoint delays no other, and is dropped when another one responds", async () => {
  const { dialed, made, failures } = dialing(
    ["silent", "refuses", "works"],
    ({ endpoint }) =>
      endpoint === "silent"
        ? new Promise(() => {})
        : endpoint === "refuses"
        ? Promise.reject(new Error("no"))
        : Promise.resolve({ revision: 1 }),
  );
  const winner = await dialed;
  assertEquals(winner?.connection.endpoint, "works");
  assertEquals(failures[0], "refuses: no");
  const open = made.filter(({ signal }) => !signal.aborted);
  assertEquals(open, [winner?.connection]);
});
