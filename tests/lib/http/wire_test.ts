import { assert, assertEquals } from "@std/assert";
import {
  Blocks,
  type Fragment,
  memberFragment,
} from "../../../lib/broadcast/blocks.ts";
import { State } from "../../../lib/broadcast/state.ts";
import { StateReader, StateWriter } from "../../../lib/http/wire.ts";
import { object } from "../../../lib/json.ts";
import { Random } from "../../util/model.ts";

Deno.test("wire: a state of members is their object, on both threads", () => {
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
    const read = reader.read(structuredClone(writer.write(state)));
    assertEquals(read.body, state.body);
    assert(read.equals(state));
  }
});

Deno.test("wire: only blocks that changed are written", () => {
  const put = (blocks: Blocks, name: string, json: string) =>
    blocks.with(new Map([[name, memberFragment([name, json])]]));
  let content = Blocks.EMPTY;
  for (let i = 0; i < 1_000; i++) content = put(content, `m${i}`, "1");
  const writer = new StateWriter();
  const first = writer.write(new State(content));
  content = put(content, "m500", "2");
  const second = writer.write(new State(content));
  assert(!(first instanceof Uint8Array || second instanceof Uint8Array));
  const { begin, blocks, end } = second;
  assertEquals(blocks.length, 1);
  assertEquals(begin + 1 + end, content.blocks.length);
  const reader = new StateReader();
  reader.read(structuredClone(first));
  const { body } = reader.read(structuredClone(second));
  assertEquals(JSON.parse(new TextDecoder().decode(body)).m500, 2);
});

Deno.test("wire: random sequences of states, and older states out of band", async (t) => {
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
        const isRemoval = random.below(3) === 0;
        changes.set(
          name,
          isRemoval ? undefined : memberFragment([name, `${i}`]),
        );
      }
      const last = states.at(-1)?.content;
      const state = new State(
        last instanceof Blocks ? last.with(changes) : Blocks.EMPTY,
      );
      states.push(state);
      const older = states[random.below(states.length)] ?? state;
      const wire = structuredClone(writer.write(state));
      const outOfBand = structuredClone(writer.writeOutOfBand(older));
      assert(reader.read(wire).equals(state));
      assert(reader.readOutOfBand(outOfBand).equals(older));
    }
  });
});
