import {
  Connection,
  type ResponseHeader,
} from "../../../lib/store/connection.ts";

/** A connection to nothing, which ends when a test says so. */
export class FakeConnection extends Connection {
  protected override release(): void {}
}

/** How many microtasks whoever waits for something takes at the most until it goes on. */
export const MANY = 40;

/** Lets so many microtasks run, one after another. */
export async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await undefined;
}

/** How a connection ends while it is opened, and how the attempt to open it goes on. */
export const ENDS: ReadonlyMap<
  string,
  (connection: FakeConnection) => Promise<ResponseHeader>
> = new Map([
  ["before there is an answer", (connection) => {
    connection.fail("gone");
    return Promise.reject(connection.signal.reason);
  }],
  ["and there is never an answer", (connection) => {
    connection.fail("gone");
    return new Promise(() => {});
  }],
  ["later, and there is never an answer", (connection) => {
    setTimeout(() => connection.fail("gone"));
    return new Promise(() => {});
  }],
  ["just before the answer", (connection) => {
    connection.fail("gone");
    return Promise.resolve({ revision: 1 });
  }],
  ...Array.from(
    { length: MANY },
    (_, count) =>
      [`${count} microtasks after the answer`, (connection: FakeConnection) => {
        microtasks(count).then(() => connection.fail("gone"));
        return Promise.resolve({ revision: 1 });
      }] as const,
  ),
  ["a moment after the answer", (connection) => {
    setTimeout(() => connection.fail("gone"));
    return Promise.resolve({ revision: 1 });
  }],
]);
