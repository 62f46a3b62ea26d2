import { assert, assertEquals } from "@std/assert";
import { State } from "../../../lib/broadcast/state.ts";
import { Topic } from "../../../lib/broadcast/topic.ts";
import { Blocks, memberFragment } from "../../../lib/broadcast/blocks.ts";
import { applyMergePatch } from "../../../lib/client/patch.ts";
import type { Member } from "../../../lib/json.ts";
import { Random } from "../../util/model.ts";

const parsed = (state: State) =>
  JSON.parse(new TextDecoder().decode(state.body));

/** An object with some members changed. */
function changed(
  state: State,
  members: readonly (readonly [name: string, json: string | undefined])[],
): State {
  const blocks = state.content instanceof Blocks ? state.content : Blocks.EMPTY;
  return new State(blocks.with(
    new Map(members.map(([name, json]) => {
      const item = json === undefined ? json : memberFragment([name, json]);
      return [name, item];
    })),
  ));
}

Deno.test("history: from each state that is known a patch makes the present one", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = new Random(seed);
  let state = State.of(
    Array.from({ length: 500 }, (_, i): Member => [`m${i}`, `{"n":${i}}`]),
  );
  const topic = new Topic(state);
  const all = new Map([[state.etag, parsed(state)]]);
  let known = 0;
  for (let i = 0; i < 300; i++) {
    const count = 1 + random.below(4);
    state = changed(
      state,
      Array.from({ length: count }, () => {
        const name = `m${random.below(600)}`;
        const isGone = random.below(4) === 0;
        return [name, isGone ? undefined : `{"n":${random.below(1000)}}`];
      }),
    );
    topic.publish(state, "update");
    all.set(state.etag, parsed(state));
    const tags = [...all.keys()];
    const tag = tags[Math.max(0, tags.length - 1 - random.below(100))] ?? "";
    const had = topic.find(tag);
    if (had === undefined) continue;
    known++;
    const patch = state.patchFrom(had);
    assert(patch !== undefined);
    const made = applyMergePatch(all.get(tag), parsed(patch));
    assertEquals(made, parsed(state), `seed ${seed}`);
  }
  assert(known > 100, `${known}`);
  assertEquals(topic.find(state.etag), state);
  assertEquals(topic.find([...all.keys()][0] ?? ""), undefined);
  assertEquals(topic.find('"nobody\'s"'), undefined);
});

Deno.test("history: what is kept is bounded in bytes, not by the size of the state", () => {
  const value = JSON.stringify("x".repeat(1_000));
  const names = Array.from({ length: 3_000 }, (_, i) => `m${i}`);
  let state = State.of(names.map((name): Member => [name, value]));
  const topic = new Topic(state);
  const first = state.etag;
  for (let i = 0; i < 10; i++) {
    state = changed(state, [[`m${i}`, `"${i}"`]]);
    topic.publish(state, "update");
  }
  assert(topic.find(first) !== undefined);
  assert(topic.recent.bytes < 1024 * 1024, `${topic.recent.bytes}`);
  // All of it is another one: what was before would be held for nobody else.
  state = changed(state, names.map((name) => [name, '"new"']));
  topic.publish(state, "update");
  assertEquals(topic.find(first), undefined);
  assertEquals(topic.find(state.etag), state);
  assertEquals(topic.recent.bytes, 0);
});

Deno.test("history: whoever comes and goes while nothing changes makes nobody forget", () => {
  const [first, second] = [State.of([["a", "1"]]), State.of([["a", "2"]])];
  const { recent: history } = new Topic(first);
  for (let i = 0; i < 100; i++) new Topic(second, undefined, history);
  assertEquals(history.find(first.etag), first);
  assertEquals(history.find(second.etag), second);
});
