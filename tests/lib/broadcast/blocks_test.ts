import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  Blocks,
  differences,
  type Fragment,
  fragment,
  memberFragment,
} from "../../../lib/broadcast/blocks.ts";

import { MaterializedFragments } from "../../../lib/broadcast/collection.ts";
import { State } from "../../../lib/broadcast/state.ts";
import { StateReader, StateWriter } from "../../../lib/http/wire.ts";
import { object } from "../../../lib/json.ts";
import { Random } from "../../util/model.ts";

const encoder = new TextEncoder();

function of(entries: Iterable<readonly [string, string]>): Blocks {
  return Blocks.EMPTY.with(
    new Map(Array.from(entries, ([name, text]) => [name, itemOf(name, text)])),
  );
}

function itemOf(name: string, text: string): Fragment {
  return fragment(name, encoder.encode(text));
}

function contentOf(blocks: Blocks): [string, string][] {
  return Array.from(blocks, ({ name, bytes }) => [
    name,
    new TextDecoder().decode(bytes),
  ]);
}

Deno.test("blocks hold what was put, sorted, whatever the order; equal ones are equal block by block", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, () => {
    const random = new Random(seed);
    const state = new Map<string, string>();
    let blocks = Blocks.EMPTY;
    for (let i = 0; i < 300; i++) {
      const last = new Map(state);
      const before = blocks;
      const changes = new Map<string, Fragment | undefined>();
      // Up to all of them at once, and down to none.
      const limit = random.pick([1, 1, 3, 30, 1_000]);
      const isShrinking = random.below(3) === 0;
      for (let k = random.below(limit); k >= 0; k--) {
        const name = `k${random.below(1_000)}`;
        const text = isShrinking ? undefined : `${random.below(3)}`;
        changes.set(name, text === undefined ? text : itemOf(name, text));
        if (text === undefined) state.delete(name);
        else state.set(name, text);
      }
      blocks = blocks.with(changes);
      const sorted = [...state].sort(([a], [b]) => a < b ? -1 : 1);
      assertEquals(contentOf(blocks), sorted);
      assertEquals(blocks.count, state.size);
      assertEquals(blocks.size, state.size);
      const fresh = of(state);
      assertEquals(
        blocks.blocks.map((
          { first, fragments: items },
        ) => [first, items.length]),
        fresh.blocks.map((
          { first, fragments: items },
        ) => [first, items.length]),
      );
      assertEquals(blocks.hash, fresh.hash);
      assert(blocks.equals(fresh));
      const told = Array.from(
        differences(before.blocks, blocks.blocks),
        ([name, a, b]) => [name, a !== undefined, b !== undefined],
      );
      const names = new Set([...last.keys(), ...state.keys()]);
      const expected = [...names].sort()
        .filter((name) => last.get(name) !== state.get(name))
        .map((name) => [name, last.has(name), state.has(name)]);
      assertEquals(told, expected);
      assertEquals(blocks.equals(before), expected.length === 0);
    }
  });
});

Deno.test("a change makes one block anew, and shares all others", () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `name${i}`);
  const blocks = of(names.map((name) => [name, "x"]));
  assert(blocks.blocks.length > 100);
  const sizes = blocks.blocks.map(({ fragments: items }) => items.length);
  assert(Math.max(...sizes) < 500, `${Math.max(...sizes)}`);
  const fresh = (changed: Blocks) => {
    const old = new Set(blocks.blocks);
    return changed.blocks.filter((block) => !old.has(block)).length;
  };
  for (const name of ["name7", "name9999", "name"]) {
    const changed = blocks.with(new Map([[name, itemOf(name, "y")]]));
    // A name that begins a block cuts one in two.
    assert(fresh(changed) <= (name === "name" ? 2 : 1), name);
    assertNotEquals(changed.hash, blocks.hash);
    assert(!changed.equals(blocks));
  }
});

Deno.test("a hash tells where an item ends", () => {
  assertNotEquals(
    of([["a", "1"], ["b", "23"]]).hash,
    of([["a", "12"], ["b", "3"]]).hash,
  );
  assertNotEquals(of([]).hash, of([["a", ""]]).hash);
});

Deno.test("a state of members is their object, here and on another thread", () => {
  const writer = new StateWriter();
  const reader = new StateReader();
  const members = new Map<string, string>([["__proto__", "1"], [
    "a\u2028",
    '"\\n"',
  ]]);
  for (let i = 0; i < 2_000; i++) {
    members.set(`m${i}`, JSON.stringify("ä".repeat(i % 50)));
    if (i % 3 === 0) members.delete(`m${i - 1}`);
    if (i % 100 > 2) continue;
    const state = State.of([...members]);
    const text = new TextDecoder().decode(state.body);
    assertEquals(text, object([...members]).replaceAll("\u2028", "\\u2028"));
    const wire = writer.write(state);
    const read = reader.read(structuredClone(wire));
    assertEquals(read.body, state.body);
    assert(read.equals(state));
  }
});

Deno.test("what goes over to another thread is what changed", () => {
  const collection = new MaterializedFragments<string>((name, parts) =>
    memberFragment([name, `${parts.at(-1)}`])
  );
  const put = (name: string, part: string) =>
    collection.update([{ key: name, before: [], after: [[name, part]] }]);
  for (let i = 0; i < 1_000; i++) put(`m${i}`, "1");
  const writer = new StateWriter();
  const first = writer.write(new State(collection.blocks));
  put("m500", "2");
  const second = writer.write(new State(collection.blocks));
  assert(!(first instanceof Uint8Array || second instanceof Uint8Array));
  const { begin, blocks, end } = second;
  assertEquals(blocks.length, 1);
  assertEquals(begin + 1 + end, collection.blocks.blocks.length);
  const reader = new StateReader();
  reader.read(structuredClone(first));
  const { body } = reader.read(structuredClone(second));
  assertEquals(JSON.parse(new TextDecoder().decode(body)).m500, 2);
});

Deno.test("any state that follows another one goes over, and older ones besides", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, () => {
    const random = new Random(seed);
    const writer = new StateWriter();
    const reader = new StateReader();
    const states = [new State(Blocks.EMPTY)];
    for (let i = 0; i < 300; i++) {
      const changes = new Map<string, Fragment | undefined>();
      for (let k = random.below(random.pick([2, 30, 1_000])); k >= 0; k--) {
        const name = `k${random.below(1_000)}`;
        const isGone = random.below(3) === 0;
        changes.set(name, isGone ? undefined : memberFragment([name, `${i}`]));
      }
      const last = states.at(-1)?.content;
      const state = new State(
        last instanceof Blocks ? last.with(changes) : Blocks.EMPTY,
      );
      states.push(state);
      const older = states[random.below(states.length)] ?? state;
      const wire = structuredClone(writer.write(state));
      const aside = structuredClone(writer.writeOutOfBand(older));
      assert(reader.read(wire).equals(state));
      assert(reader.readOutOfBand(aside).equals(older));
    }
  });
});

Deno.test("a collection makes items of what keys add, in key order", () => {
  const made = new MaterializedFragments<number>((name, parts) =>
    itemOf(name, parts.join())
  );
  const now = () => Object.fromEntries(contentOf(made.blocks));
  made.update([
    { key: "b", before: [], after: [["x", 2]] },
    { key: "a", before: [], after: [["x", 1], ["y", 1]] },
  ]);
  assertEquals(now(), { x: "1,2", y: "1" });
  made.update([{ key: "a", before: [["x", 1], ["y", 1]], after: [["x", 3]] }]);
  assertEquals(now(), { x: "3,2" });
  made.update([{ key: "b", before: [["x", 2]], after: [["z", 2]] }]);
  assertEquals(now(), { x: "3", z: "2" });
  made.update([
    { key: "a", before: [["x", 3]], after: [] },
    { key: "b", before: [["z", 2]], after: [] },
  ]);
  assertEquals(now(), {});
});
