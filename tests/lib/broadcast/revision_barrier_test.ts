import { assert, assertEquals } from "@std/assert";
import { State } from "../../../lib/broadcast/state.ts";
import {
  type BarrierPart,
  RevisionBarrier,
} from "../../../lib/broadcast/revision_barrier.ts";
import { Topic } from "../../../lib/broadcast/topic.ts";
import { SubtreeProgress } from "../../../lib/watcher/progress.ts";
import { collectGarbage } from "../../util/leaks.ts";
import { Random } from "../../util/model.ts";

/** A subtree of a store that holds a number. The test answers its freshness checks. */
class Subtree implements BarrierPart {
  /** The number by revision. */
  readonly #numbers: number[] = [];
  readonly #states: WeakRef<State>[] = [];
  readonly #checks: ((revision: number) => void)[] = [];
  /** The store's revision when the last check began. */
  checkedAt = 1;
  readonly progress = new SubtreeProgress(() => {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#checks.push(resolve);
    this.checkedAt = this.newest();
    return promise;
  });
  readonly topic = new Topic(this.#state(0));

  /** @param newest returns the store's revision */
  constructor(private readonly newest = () => 1) {
    this.progress.advance(1);
    this.#numbers[1] = 0;
  }

  /** Number of checks without an answer. */
  get checks(): number {
    return this.#checks.length;
  }

  write(revision: number, number: number, isRemoval = false): void {
    this.#numbers[revision] = number;
    this.progress.advance(revision);
    const kind = isRemoval ? "delete" : "update";
    this.topic.publish(this.#state(number), kind);
  }

  /** Writes a number that only the next snapshot delivers. */
  writeUnwatched(revision: number, number: number): void {
    this.#numbers[revision] = number;
  }

  readSnapshot(revision: number): void {
    this.progress.advance(revision, revision, this.progress.revision);
    this.topic.publish(this.#state(this.at(revision)), "update");
  }

  /** Delivers a number while the store goes on: it need not have held just this at that revision. */
  readTorn(revision: number, number: number): void {
    this.progress.advance(
      this.progress.revision,
      revision,
      this.progress.revision,
    );
    this.topic.publish(this.#state(number), "update");
  }

  /** Answers all checks: the store is at a revision. */
  answer(revision: number): void {
    this.progress.advance(Math.max(revision, this.progress.revision));
    for (const resolve of this.#checks.splice(0)) resolve(revision);
  }

  /** The number at a revision. */
  at(revision: number): number {
    return this.#numbers.slice(0, revision + 1).findLast((one) =>
      one !== undefined
    ) ?? NaN;
  }

  /** Number of states that are not garbage. */
  get liveStates(): number {
    return this.#states.filter((one) => one.deref() !== undefined).length;
  }

  #state(number: number): State {
    const state = State.of(`${number}`);
    this.#states.push(new WeakRef(state));
    return state;
  }
}

/** Opens a barrier, and waits for its output topics. */
async function open(
  parts: readonly Subtree[],
): Promise<{ topics: readonly Topic[]; barrier: RevisionBarrier }> {
  const { promise, resolve } = Promise.withResolvers<readonly Topic[]>();
  const barrier = new RevisionBarrier(parts, resolve);
  return { topics: await promise, barrier };
}

/** The number of a state. */
const numberOf = ({ latest }: Topic): unknown =>
  latest instanceof State && JSON.parse(new TextDecoder().decode(latest.body));

/** Waits until all that was scheduled is done. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("barrier: a part keeps one state besides the one that passed and the latest", async () => {
  const [one, two] = [new Subtree(), new Subtree()];
  const { topics, barrier } = await open([one, two]);
  const [first, second] = topics;
  assert(first && second);
  for (let i = 2; i <= 100; i++) {
    one.write(i, i, i !== 50);
    await settled();
  }
  assertEquals([numberOf(first), two.checks], [0, 1]);
  await collectGarbage();
  assertEquals([one.liveStates, two.liveStates], [3, 1]);

  // The state that is being confirmed passes, though later ones have come.
  const { sequence } = first;
  two.answer(60);
  await settled();
  assertEquals([numberOf(first), first.revision], [2, 2]);
  assertEquals([second.revision, two.checks], [2, 1]);
  assertEquals(first.kindSince(sequence), "delete");
  two.answer(100);
  await settled();
  assertEquals([numberOf(first), first.revision], [100, 100]);
  // One of the conflated changes was not a removal.
  assertEquals(first.kindSince(sequence), "update");
  barrier.end();
});

Deno.test("barrier: what passed is of one revision, for random writes, and each check lets more pass", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31) + 1;
  const random = new Random(seed);
  let revision = 1;
  const newest = () => revision;
  const parts = [
    new Subtree(newest),
    new Subtree(newest),
    new Subtree(newest),
  ] as const;
  const { topics, barrier } = await open(parts);
  const revisionOfOutputs = () => {
    const revisions = new Set(topics.map(({ revision }) => revision));
    const [at = 0] = revisions;
    assertEquals(revisions.size, 1);
    assertEquals(
      topics.map(numberOf),
      parts.map((part) => part.at(at)),
      `at ${at}, seed ${seed}`,
    );
    return at;
  };
  let passed = 1;
  let snapshotAt = 0;
  for (let i = 0; i < 1_000; i++) {
    if (random.below(4) > 0) {
      random.pick(parts).write(++revision, random.below(5));
    } else if (random.below(4) === 0) {
      const [reread, other] = [random.pick(parts), random.pick(parts)];
      reread.writeUnwatched(++revision, random.below(5));
      if (other !== reread) other.write(++revision, random.below(5));
      await settled();
      reread.readSnapshot(revision);
      snapshotAt = revision;
    } else {
      const checkedAt = Math.max(...parts.map((part) => part.checkedAt));
      const answer = checkedAt + random.below(revision - checkedAt + 1);
      for (const part of parts) part.answer(answer);
      await settled();
      // Before a snapshot, at which revision a number changed is unknown.
      if (checkedAt > snapshotAt) {
        assert(revisionOfOutputs() >= checkedAt, `seed ${seed}`);
      }
    }
    if (random.below(2) === 0) await settled();
    const now = revisionOfOutputs();
    assert(now >= passed, `seed ${seed}`);
    passed = now;
  }
  // Writes of an equal number wake no topic, so the last one is of a new number.
  parts[0].write(++revision, 5);
  for (let i = 0; i < 2; i++) {
    for (const part of parts) part.answer(revision);
    await settled();
  }
  assertEquals(revisionOfOutputs(), revision);
  barrier.end();
});

Deno.test("barrier: states of a history that went back pass, also when one part did not change", async () => {
  const [one, two] = [new Subtree(), new Subtree()];
  one.write(5, 5);
  two.answer(5);
  const { topics: [first, second], barrier } = await open([one, two]);
  assert(first && second);
  one.progress.startHistory(1, 2);
  one.write(2, 2);
  await settled();
  assertEquals([numberOf(first), first.revision], [5, 5]);
  two.progress.startHistory(1, 2);
  two.answer(2);
  await settled();
  assertEquals([numberOf(first), first.revision], [2, 2]);
  assertEquals([numberOf(second), second.revision], [0, 2]);
  barrier.end();
});

Deno.test("barrier: states of a new history with higher revisions pass when all parts are of it", async () => {
  const [one, two] = [new Subtree(), new Subtree()];
  one.write(5, 5);
  two.write(9, 9);
  one.answer(9);
  two.answer(9);
  const { topics: [first, second], barrier } = await open([one, two]);
  assert(first && second);
  // The other part is of the old history still.
  one.progress.startHistory(1, 12);
  one.write(12, 12);
  two.answer(20);
  await settled();
  assertEquals([numberOf(first), numberOf(second)], [5, 9]);
  // Its number is the same in the new history, so only a check confirms it.
  two.progress.startHistory(1, 13);
  one.answer(13);
  two.answer(13);
  await settled();
  assertEquals([numberOf(first), first.revision], [12, 13]);
  assertEquals([numberOf(second), second.revision], [9, 13]);
  barrier.end();
});

Deno.test("barrier: a state of an ended history counts for no revision of the new one", async () => {
  const [one, two] = [new Subtree(), new Subtree()];
  one.write(2, 2);
  two.write(2, 2);
  const { topics: [first, second], barrier } = await open([one, two]);
  assert(first && second);
  one.write(5, 5);
  one.progress.startHistory(1, 3);
  one.write(3, 3);
  one.write(4, 4);
  two.progress.startHistory(1, 3);
  two.write(3, 6);
  await settled();
  // At revision 3 of the new history the first one was 3, which the barrier does not keep.
  assertEquals([numberOf(first), numberOf(second)], [2, 2]);
  one.answer(4);
  two.answer(4);
  await settled();
  assertEquals([numberOf(first), first.revision], [4, 4]);
  assertEquals([numberOf(second), second.revision], [6, 4]);
  barrier.end();
});

Deno.test("barrier: a state that a snapshot has again counts for no revision that the snapshot skipped", async () => {
  const [one, two] = [new Subtree(), new Subtree()];
  const { topics, barrier } = await open([one, two]);
  const [first, second] = topics;
  assert(first && second);
  one.writeUnwatched(2, 7);
  one.writeUnwatched(5, 0);
  one.readSnapshot(6);
  // Follows the skip: of it alone, nothing would be known any more.
  one.answer(7);
  two.write(3, 3);
  await settled();
  // At revision 3 the first one was 7, which nobody has.
  assertEquals([numberOf(first), numberOf(second)], [0, 0]);
  two.write(6, 6);
  await settled();
  assertEquals([numberOf(first), numberOf(second)], [0, 6]);
  barrier.end();
});

Deno.test("barrier: a torn state that a later read has again counts for no revision before that", async () => {
  const [one, two] = [new Subtree(), new Subtree()];
  const { topics, barrier } = await open([one, two]);
  const [first, second] = topics;
  assert(first && second);
  one.writeUnwatched(3, 8);
  one.readTorn(3, 7);
  await settled();
  assertEquals([one.checks, two.checks], [1, 1]);
  one.writeUnwatched(5, 7);
  one.readSnapshot(5);
  two.write(4, 4);
  await settled();
  // At revision 3 the first one was 8, which nobody has.
  assertEquals([numberOf(first), numberOf(second)], [0, 0]);
  one.answer(5);
  two.answer(5);
  await settled();
  assertEquals([numberOf(first), numberOf(second)], [7, 4]);
  barrier.end();
});
