import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  Blocks,
  differences,
  type Fragment,
  fragment,
} from "../../../lib/broadcast/blocks.ts";
import { Random } from "../../util/model.ts";

const encoder = new TextEncoder();

function of(entries: Iterable<readonly [string, string]>): Blocks {
  return Blocks.EMPTY.with(
    new Map(
      Array.from(entries, ([name, text]) => [name, fragmentOf(name, text)]),
    ),
  );
}

function fragmentOf(name: string, text: string): Fragment {
  return fragment(name, encoder.encode(text));
}

function contentOf(blocks: Blocks): [string, string][] {
  return Array.from(blocks, ({ name, bytes }) => [
    name,
    new TextDecoder().decode(bytes),
  ]);
}

/** Where blocks begin, and how many fragments each has. */
function shapeOf({ blocks }: Blocks): [string, number][] {
  return blocks.map((
    { firstName: first, fragments },
  ) => [first, fragments.length]);
}

Deno.test("blocks: random changes give the same blocks as a sequence made from scratch", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, () => {
    const random = new Random(seed);
    const state = new Map<string, string>();
    let blocks = Blocks.EMPTY;
    for (let i = 0; i < 300; i++) {
      const last = new Map(state);
      const before = blocks;
      const changes = new Map<string, Fragment | undefined>();
      // Some steps change almost all names, some remove most.
      const limit = random.pick([1, 1, 3, 30, 1_000]);
      const isShrinking = random.below(3) === 0;
      for (let k = random.below(limit); k >= 0; k--) {
        const name = `k${random.below(1_000)}`;
        const text = isShrinking ? undefined : `${random.below(3)}`;
        changes.set(name, text === undefined ? text : fragmentOf(name, text));
        if (text === undefined) state.delete(name);
        else state.set(name, text);
      }
      blocks = blocks.with(changes);
      const sorted = [...state].sort(([a], [b]) => a < b ? -1 : 1);
      assertEquals(contentOf(blocks), sorted);
      assertEquals(blocks.count, state.size);
      assertEquals(blocks.size, state.size);
      const fresh = of(state);
      assertEquals(shapeOf(blocks), shapeOf(fresh));
      assertEquals(blocks.hash, fresh.hash);
      assert(blocks.equals(fresh));
      const actual = Array.from(
        differences(before.blocks, blocks.blocks),
        ([name, a, b]) => [name, a !== undefined, b !== undefined],
      );
      const names = new Set([...last.keys(), ...state.keys()]);
      const expected = [...names].sort()
        .filter((name) => last.get(name) !== state.get(name))
        .map((name) => [name, last.has(name), state.has(name)]);
      assertEquals(actual, expected);
      assertEquals(blocks.equals(before), expected.length === 0);
    }
  });
});

Deno.test("blocks: a change copies one block, and shares all others", () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `name${i}`);
  const blocks = of(names.map((name) => [name, "x"]));
  assert(blocks.blocks.length > 100);
  const sizes = blocks.blocks.map(({ fragments }) => fragments.length);
  assert(Math.max(...sizes) < 500, `${Math.max(...sizes)}`);
  const fresh = (changed: Blocks) => {
    const old = new Set(blocks.blocks);
    return changed.blocks.filter((block) => !old.has(block)).length;
  };
  for (const name of ["name7", "name9999", "name"]) {
    const changed = blocks.with(new Map([[name, fragmentOf(name, "y")]]));
    // A name that begins a block splits one in two.
    assert(fresh(changed) <= (name === "name" ? 2 : 1), name);
    assertNotEquals(changed.hash, blocks.hash);
    assert(!changed.equals(blocks));
  }
});

Deno.test("blocks: the hash depends on where a fragment ends", () => {
  assertNotEquals(
    of([["a", "1"], ["b", "23"]]).hash,
    of([["a", "12"], ["b", "3"]]).hash,
  );
  assertNotEquals(of([]).hash, of([["a", ""]]).hash);
});
