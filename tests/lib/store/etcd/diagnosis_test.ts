import { assertEquals } from "@std/assert";
import { Diagnosis } from "../../../../lib/store/etcd/diagnosis.ts";

/** An error that needs no look. */
const CLEAR = new Error("clear");

Deno.test("diagnosis: each failure looks anew, and what is found is told once", async () => {
  const error = "vague";
  const told: string[] = [];
  const looks: PromiseWithResolvers<string | undefined>[] = [];
  const diagnosis: Diagnosis = new Diagnosis(
    (error) => error === CLEAR ? "clear" : undefined,
    () => {
      const look = Promise.withResolvers<string | undefined>();
      looks.push(look);
      return look.promise;
    },
    // As whoever tells it asks for it.
    (endpoint) =>
      told.push(`${endpoint}: ${diagnosis.explain(endpoint, error)}`),
  );
  const finds = async (what: string | undefined) => {
    looks.at(-1)?.resolve(what);
    await new Promise((resolve) => setTimeout(resolve));
  };
  assertEquals([diagnosis.explain("a", CLEAR), looks.length], ["clear", 0]);
  assertEquals([diagnosis.explain("a", error), diagnosis.explain("a", error)], [
    error,
    error,
  ]);
  await finds("one");
  assertEquals([looks.length, told], [1, ["a: one"]]);
  assertEquals(diagnosis.explain("a", error), "one");
  await finds("one");
  assertEquals(diagnosis.explain("a", error), "one");
  await finds(undefined);
  assertEquals(diagnosis.explain("a", error), error);
  await finds("two");
  assertEquals(told, ["a: one", "a: two"]);
  // Nothing is found out when there is a connection since.
  assertEquals(diagnosis.explain("a", error), "two");
  diagnosis.clear();
  await finds("three");
  assertEquals(diagnosis.explain("a", error), error);
  assertEquals(told, ["a: one", "a: two"]);
});
