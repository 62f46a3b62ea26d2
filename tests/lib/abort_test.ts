import { assert, assertEquals } from "@std/assert";
import { ChildController } from "../../lib/abort.ts";
import { ListenedSignal } from "../util/signal.ts";

Deno.test("a child aborts with its parent, and listens no longer than it lives", () => {
  const parent = new ListenedSignal();
  const one = new ChildController(parent.signal);
  const two = new ChildController(parent.signal);
  assertEquals(parent.listeners, 2);
  one.abort("its own");
  assertEquals([one.signal.reason, two.signal.aborted], ["its own", false]);
  assertEquals(parent.listeners, 1);
  parent.abort();
  assert(two.signal.reason === parent.signal.reason);
  assertEquals([one.signal.reason, parent.listeners], ["its own", 0]);
  const late = new ChildController(parent.signal);
  assert(late.signal.reason === parent.signal.reason);
  assertEquals(parent.listeners, 0);
  const orphan = new ChildController();
  orphan.abort();
  assert(orphan.signal.aborted);
});
