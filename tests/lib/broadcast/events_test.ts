import { assert, assertEquals } from "@std/assert";
import { Unavailable } from "../../../lib/errors.ts";
import { applyMergePatch } from "../../../lib/client/patch.ts";
import { Random } from "../../util/model.ts";
import { Listener, Setup } from "./setup.ts";

const lost = new Unavailable("lost");

Deno.test("a listener gets init, then each change, with ids that count", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  assertEquals(await listener.next(), 'id: 1 event: init data: "first"');
  s.source.set("2");
  assertEquals(await listener.next(), "id: 2 event: update data: 2");
  s.source.set("3", "delete");
  assertEquals(await listener.next(), "id: 3 event: delete data: 3");
});

Deno.test("an answer that did not change is not sent", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  await listener.next();
  s.source.set('"first"');
  s.source.set("2");
  s.source.set("2", "delete");
  assertEquals(await listener.next(), "id: 2 event: update data: 2");
  s.source.set("3");
  assertEquals(await listener.next(), "id: 3 event: update data: 3");
});

Deno.test("a slow listener gets the latest state, with its own next id", async () => {
  using s = new Setup();
  const fast = new Listener(s);
  const slow = new Listener(s);
  await fast.next();
  await slow.next();
  for (let i = 0; i < 100; i++) {
    s.source.set(`${i}`);
    assertEquals(await fast.next(), `id: ${i + 2} event: update data: ${i}`);
  }
  assertEquals(await slow.next(), "id: 2 event: update data: 99");
  s.source.set("100");
  assertEquals(await slow.next(), "id: 3 event: update data: 100");
});

Deno.test("what a slow listener missed is an update unless all of it was removals", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  await listener.next();
  s.source.set("2", "delete");
  s.source.set("3", "delete");
  assertEquals(await listener.next(), "id: 2 event: delete data: 3");
  s.source.set("4", "update");
  s.source.set("5", "delete");
  assertEquals(await listener.next(), "id: 3 event: update data: 5");
  s.source.set("5", "update");
  s.source.set("6", "delete");
  assertEquals(await listener.next(), "id: 4 event: delete data: 6");
});

Deno.test("one state can be an update to one listener and a removal to another", async () => {
  using s = new Setup();
  const slow = new Listener(s);
  await slow.next();
  s.source.set("2", "update");
  const fast = new Listener(s);
  assertEquals(await fast.next(), "id: 1 event: init data: 2");
  s.source.set("3", "delete");
  assertEquals(await fast.next(), "id: 2 event: delete data: 3");
  assertEquals(await slow.next(), "id: 2 event: update data: 3");
});

Deno.test("a slow listener is not told of a change that was taken back", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  await listener.next();
  s.source.set("2");
  s.source.set('"first"');
  const next = listener.next();
  s.source.set("3", "delete");
  assertEquals(await next, "id: 2 event: delete data: 3");
});

Deno.test("an answer that cannot be made is an error, the next one an update", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  await listener.next();
  s.source.set(lost);
  assertEquals(await listener.next(), "id: 0 event: error data: lost");
  s.source.set(lost, "delete");
  s.source.set('"first"', "delete");
  assertEquals(await listener.next(), 'id: 2 event: update data: "first"');
  s.source.set(lost);
  s.source.set('"first"');
  s.source.set("2", "delete");
  assertEquals(await listener.next(), "id: 3 event: update data: 2");
});

Deno.test("a stream that starts without an answer gets init with the first", async () => {
  using s = new Setup();
  s.source.set(lost);
  const listener = new Listener(s);
  assertEquals(await listener.next(), "id: 0 event: error data: lost");
  s.source.set("1", "delete");
  assertEquals(await listener.next(), "id: 1 event: init data: 1");
});

Deno.test("patch=merge: what changed since this listener's last state, however slow it is", async () => {
  using s = new Setup();
  const set = (members: Record<string, unknown>) =>
    s.source.set(
      Object.entries(members).map(([k, v]) => [k, JSON.stringify(v)]),
    );
  set({ a: 1, b: { c: 1, d: 2 } });
  const fast = new Listener(s, { patch: true });
  const slow = new Listener(s, { patch: true });
  const init = 'id: 1 event: init data: {"a":1,"b":{"c":1,"d":2}}';
  assertEquals([await fast.next(), await slow.next()], [init, init]);
  set({ a: 1, b: { c: 2, d: 2 } });
  assertEquals(
    await fast.next(),
    'id: 2 event: patch data: {"b":{"c":2}}',
  );
  set({ b: { c: 3 }, e: "x".repeat(100) });
  const e = `"e":"${"x".repeat(100)}"`;
  assertEquals(
    await fast.next(),
    `id: 3 event: patch data: {"a":null,"b":{"c":3,"d":null},${e}}`,
  );
  assertEquals(
    await slow.next(),
    `id: 2 event: patch data: {"a":null,"b":{"c":3,"d":null},${e}}`,
  );
  // A member that becomes null cannot be said: the whole state is.
  set({ b: { c: null }, e: 1 });
  assertEquals(
    await fast.next(),
    'id: 4 event: update data: {"b":{"c":null},"e":1}',
  );
  s.source.set(lost);
  assertEquals(await fast.next(), "id: 0 event: error data: lost");
  set({ b: { c: null }, e: 2 });
  assertEquals(
    await fast.next(),
    'id: 5 event: update data: {"b":{"c":null},"e":2}',
  );
  set({ b: { c: null }, e: 3 });
  assertEquals(await fast.next(), 'id: 6 event: patch data: {"e":3}');
});

Deno.test("patches replayed are the states, for random histories and readers of any speed", async () => {
  const random = new Random(7);
  for (let history = 0; history < 20; history++) {
    using s = new Setup();
    const members = new Map<string, string>();
    const change = () => {
      for (let i = random.below(4); i >= 0; i--) {
        const name = random.pick(["a", "b", "é", '"', "__proto__", "2", "10"]);
        const value = random.pick<unknown>(
          [null, 1, "\u2028", [null], { x: 1 }, { x: { y: 1 }, z: [1] }, {
            x: null,
          }],
        );
        if (random.below(3) === 0) members.delete(name);
        else members.set(name, JSON.stringify(value));
      }
      s.source.set([...members]);
    };
    change();
    const listeners = Array.from({ length: 5 }, () => ({
      listener: new Listener(s, { patch: true }),
      state: undefined as unknown,
      patches: 0,
    }));
    const step = async (one: typeof listeners[number]) => {
      const frame = await one.listener.next() ?? "";
      const [, event, data = ""] = /event: (\w+) data: (.*)/.exec(frame) ?? [];
      const isPatch = event === "patch";
      one.patches += isPatch ? 1 : 0;
      const value: unknown = JSON.parse(data);
      one.state = isPatch ? applyMergePatch(one.state, value) : value;
    };
    for (const one of listeners) await step(one);
    for (let i = 0; i < 50; i++) {
      change();
      s.source.set([...members, ["seq", String(i)]]);
      for (const [k, one] of listeners.entries()) {
        // The first reads everything, the last almost nothing.
        if (random.below(5) < k && i < 49) continue;
        await step(one);
        const expected = Object.fromEntries(
          [...members, ["seq", String(i)]].map((
            [name, json],
          ) => [name, JSON.parse(json ?? "")]),
        );
        assertEquals(one.state, expected);
      }
    }
    assert(listeners.some(({ patches }) => patches > 0));
  }
});
