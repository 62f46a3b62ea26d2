import { assert, assertEquals } from "@std/assert";
import { State } from "../../../lib/broadcast/state.ts";
import { Topic } from "../../../lib/broadcast/topic.ts";
import { Blocks, memberFragment } from "../../../lib/broadcast/blocks.ts";
import { applyMergePatch } from "../../../lib/client/patch.ts";
import type { Member } from "../../../lib/json.ts";
import { Random } from "../../util/model.ts";

const parsed = (state: State) =>
  JSON.parse(new TextDecoder().decode(state.body));

/** Returns an object with some members changed. */
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

Deno.test("recent states: a patch from each of them gives the present state", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = new Random(seed);
  let state = State.of(
    Array.from({ length: 500 }, (_, i): Member => [`m${i}`, `{"n":${i}}`]),
  );
  const topic = new Topic(state);
  const all = new Map([[state.etag, parsed(state)]]);
  let found = 0;
  for (let i = 0; i < 300; i++) {
    const count = 1 + random.below(4);
    state = changed(
      state,
      Array.from({ length: count }, () => {
        const name = `m${random.below(600)}`;
        const isRemoval = random.below(4) === 0;
        return [name, isRemoval ? undefined : `{"n":${random.below(1000)}}`];
      }),
    );
    topic.publish(state, "update");
    all.set(state.etag, parsed(state));
    const tags = [...all.keys()];
    const tag = tags[Math.max(0, tags.length - 1 - random.below(100))] ?? "";
    const old = topic.find(tag);
    if (old === undefined) continue;
    found++;
    const patch = state.patchFrom(old);
    assert(patch !== undefined);
    const made = applyMergePatch(all.get(tag), parsed(patch));
    assertEquals(made, parsed(state), `seed ${seed}`);
  }
  assert(found > 100, `${found}`);
  assertEquals(topic.find(state.etag), state);
  assertEquals(topic.find([...all.keys()][0] ?? ""), undefined);
  assertEquals(topic.find('"unknown"'), undefined);
});

Deno.test("recent states: the limit counts the bytes that are not shared", () => {
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
  // Every member changes: no bytes are shared.
  state = changed(state, names.map((name) => [name, '"new"']));
  topic.publish(state, "update");
  assertEquals(topic.find(first), undefined);
  assertEquals(topic.find(state.etag), state);
  assertEquals(topic.recent.bytes, 0);
});

Deno.test("recent states: topics of an unchanged source evict nothing", () => {
  const [first, second] = [State.of([["a", "1"]]), State.of([["a", "2"]])];
  const { recent } = new Topic(first);
  for (let i = 0; i < 100; i++) new Topic(second, undefined, recent);
  assertEquals(recent.find(first.etag), first);
  assertEquals(recent.find(second.etag), second);
});
