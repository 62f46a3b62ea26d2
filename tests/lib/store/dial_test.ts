import { assert, assertEquals } from "@std/assert";
import { dial } from "../../../lib/store/endpoints.ts";
import { ENDS, FakeConnection, MANY, microtasks } from "./fake.ts";

/** Dials some endpoints, and notes which connections were made, and what failed. */
function dialing(
  endpoints: readonly string[],
  open: (connection: FakeConnection, made: number) => Promise<number>,
  { signal }: { signal: AbortSignal } = new AbortController(),
) {
  const made: FakeConnection[] = [];
  const failures: string[] = [];
  const dialed = dial(
    endpoints,
    (endpoint) => {
      const connection = new FakeConnection(endpoint);
      made.push(connection);
      return connection;
    },
    (connection) => open(connection, made.length),
    (endpoint, error) =>
      failures.push(`${endpoint}: ${error instanceof Error && error.message}`),
    signal,
  );
  return { dialed, made, failures };
}

Deno.test("dial: a connection that ends while it is opened is a failure, and another one is made", async () => {
  await Promise.all(Array.from(ENDS, async ([when, end]) => {
    const { dialed, made, failures } = dialing(
      ["one"],
      (connection, count) => count === 1 ? end(connection) : Promise.resolve(2),
    );
    const winner = await dialed;
    assert(winner);
    // One that ends later is its owner's matter.
    const isLater = winner.head === 1;
    assertEquals(
      [when, made.length, failures],
      isLater ? [when, 1, []] : [when, 2, ["one: gone"]],
    );
    assert(isLater || !winner.connection.signal.aborted, when);
  }));
});

Deno.test("dial: whenever it is given up, no connection stays open", async () => {
  for (let count = 0; count < MANY; count++) {
    const abort = new AbortController();
    const { dialed, made } = dialing(["one", "two"], () => {
      microtasks(count).then(() => abort.abort());
      return Promise.resolve(1);
    }, abort);
    const winner = await dialed;
    const open = made.filter(({ signal }) => !signal.aborted);
    // What was handed over before is its owner's.
    assertEquals([count, open], [count, winner ? [winner.connection] : []]);
  }
  const { dialed, made } = dialing(
    ["one"],
    () => Promise.resolve(1),
    { signal: AbortSignal.abort() },
  );
  assertEquals([await dialed, made], [undefined, []]);
});

Deno.test("dial: an endpoint that says nothing delays no other, and is left when another one answers", async () => {
  const { dialed, made, failures } = dialing(
    ["silent", "refuses", "works"],
    ({ endpoint }) =>
      endpoint === "silent"
        ? new Promise(() => {})
        : endpoint === "refuses"
        ? Promise.reject(new Error("no"))
        : Promise.resolve(1),
  );
  const winner = await dialed;
  assertEquals(winner?.connection.endpoint, "works");
  assertEquals(failures[0], "refuses: no");
  const open = made.filter(({ signal }) => !signal.aborted);
  assertEquals(open, [winner?.connection]);
});
