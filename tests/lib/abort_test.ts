import { assert, assertEquals, assertRejects } from "@std/assert";
import { abortable, ChildController, onAbort } from "../../lib/abort.ts";
import { ListenedSignal } from "../util/leaks.ts";

Deno.test("onAbort: calls once when a signal aborts, or has aborted", () => {
  const listened = new ListenedSignal();
  let calls = 0;
  const remove = onAbort(listened.signal, () => calls += 100);
  onAbort(listened.signal, () => calls++);
  remove();
  assertEquals([calls, listened.listeners], [0, 1]);
  listened.abort();
  listened.abort();
  assertEquals(calls, 1);
  onAbort(listened.signal, () => calls++);
  assertEquals([calls, listened.listeners], [2, 1], "no listener is added");
});

Deno.test("abortable: waits until the signal aborts, or has aborted", async () => {
  const listened = new ListenedSignal();
  const { signal } = listened;
  assertEquals(await abortable(Promise.resolve(1), signal), 1);
  const failing = Promise.reject(new Error("no"));
  await assertRejects(() => abortable(failing, signal), Error, "no");
  assertEquals(listened.listeners, 0);
  const waiting = abortable(new Promise(() => {}), signal);
  assertEquals(listened.listeners, 1);
  listened.abort();
  await assertRejects(() => waiting, DOMException);
  await assertRejects(
    () => abortable(new Promise(() => {}), signal),
    DOMException,
  );
  assertEquals(listened.listeners, 0);
});

Deno.test("ChildController: aborts with its parents, and listens to them no longer", () => {
  const parent = new ListenedSignal();
  const one = new ChildController(parent.signal);
  const two = new ChildController(parent.signal);
  assertEquals(parent.listeners, 2);
  const second = new ListenedSignal();
  const both = new ChildController(parent.signal, second.signal);
  second.abort();
  assertEquals([both.signal.aborted, parent.listeners], [true, 2]);
  one.abort("its own");
  assertEquals([one.signal.reason, two.signal.aborted], ["its own", false]);
  assertEquals(parent.listeners, 1);
  parent.abort();
  assert(two.signal.reason === parent.signal.reason);
  assertEquals([one.signal.reason, parent.listeners], ["its own", 0]);
  const late = new ChildController(parent.signal);
  assert(late.signal.reason === parent.signal.reason);
  assertEquals(parent.listeners, 0);
  const other = new ListenedSignal();
  for (
    const parents of [
      [undefined, parent.signal, other.signal],
      [other.signal, parent.signal],
    ]
  ) {
    const child = new ChildController(...parents);
    assert(child.signal.reason === parent.signal.reason);
    assertEquals(other.listeners, 0);
  }
  const orphan = new ChildController();
  orphan.abort();
  assert(orphan.signal.aborted);
});

Deno.test("only lib/abort.ts listens to signals, which may have aborted before", async () => {
  const { stdout } = await new Deno.Command("git", {
    args: ["grep", "--untracked", "-lE", "[\"']abort[\"']|\\bonabort\\b", "--"]
      .concat("*.ts", "*.tsx"),
    cwd: new URL("../..", import.meta.url),
  }).output();
  const files = new TextDecoder().decode(stdout).trim().split("\n")
    .filter((path) => !path.startsWith("tests/"));
  assertEquals(files, ["lib/abort.ts"]);
});
