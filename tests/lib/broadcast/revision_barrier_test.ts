import { assert, assertEquals } from "@std/assert";
import { State } from "../../../lib/broadcast/state.ts";
import {
  type BarrierPart,
  RevisionBarrier,
} from "../../../lib/broadcast/revision_barrier.ts";
import { Topic } from "../../../lib/broadcast/topic.ts";
import { SubtreeProgress } from "../../../lib/watcher/progress.ts";
import { collectGarbage } from "../../util/garbage.ts";
import { Random } from "../../util/model.ts";

/** A subtree of a store that writes numbers, and answers when the test lets it. */
class Subtree implements BarrierPart {
  /** Its number at each revision. */
  readonly #truth: number[] = [];
  readonly #states: WeakRef<State>[] = [];
  readonly #asked: ((revision: number) => void)[] = [];
  /** The store's revision when a proof was asked for last. */
  asked = 1;
  readonly progress = new SubtreeProgress(() => {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#asked.push(resolve);
    this.asked = this.newest();
    return promise;
  });
  readonly topic = new Topic(this.#state(0));

  /** @param newest the store's revision */
  constructor(private readonly newest = () => 1) {
    this.progress.advance(1);
    this.#truth[1] = 0;
  }

  /** Proofs that are asked for. */
  get proofs(): number {
    return this.#asked.length;
  }

  write(revision: number, number: number, isRemoval = false): void {
    this.#truth[revision] = number;
    this.progress.advance(revision);
    const kind = isRemoval ? "delete" : "update";
    this.topic.publish(this.#state(number), kind);
  }

  /** Writes something that is only heard of when all is read anew. */
  writeUnheard(revision: number, number: number): void {
    this.#truth[revision] = number;
  }

  readAnew(revision: number): void {
    this.progress.advance(revision, revision, this.progress.revision);
    this.topic.publish(this.#state(this.at(revision)), "update");
  }

  /** Answers all proofs, as of a revision. */
  answer(revision: number): void {
    this.progress.advance(Math.max(revision, this.progress.revision));
    for (const resolve of this.#asked.splice(0)) resolve(revision);
  }

  /** The number that there was at a revision. */
  at(revision: number): number {
    return this.#truth.slice(0, revision + 1).findLast((one) =>
      one !== undefined
    ) ?? NaN;
  }

  /** States that somebody holds. */
  get held(): number {
    return this.#states.filter((one) => one.deref() !== undefined).length;
  }

  #state(number: number): State {
    const state = State.of(`${number}`);
    this.#states.push(new WeakRef(state));
    return state;
  }
}

/** What was let through. */
async function through(
  parts: readonly Subtree[],
): Promise<{ topics: readonly Topic[]; together: RevisionBarrier }> {
  const { promise, resolve } = Promise.withResolvers<readonly Topic[]>();
  const together = new RevisionBarrier(parts, resolve);
  return { topics: await promise, together };
}

/** The number of a state. */
const numberOf = ({ latest }: Topic): unknown =>
  latest instanceof State && JSON.parse(new TextDecoder().decode(latest.body));

/** All that is due now is done. */
const done = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("together: of each view one state waits besides the newest and the one that is out", async () => {
  const [one, two] = [new Subtree(), new Subtree()];
  const { topics, together } = await through([one, two]);
  const [first, second] = topics;
  assert(first && second);
  for (let i = 2; i <= 100; i++) {
    one.write(i, i, i !== 50);
    await done();
  }
  assertEquals([numberOf(first), two.proofs], [0, 1]);
  await collectGarbage();
  assertEquals([one.held, two.held], [3, 1]);

  // What the proof was asked for is let through, though much has come since.
  const { sequence: number } = first;
  two.answer(60);
  await done();
  assertEquals([numberOf(first), first.revision], [2, 2]);
  assertEquals([second.revision, two.proofs], [2, 1]);
  assertEquals(first.kindSince(number), "delete");
  two.answer(100);
  await done();
  assertEquals([numberOf(first), first.revision], [100, 100]);
  // One of those that were left out was no removal.
  assertEquals(first.kindSince(number), "update");
  together.end();
});

Deno.test("together: what is let through is of one revision, whatever is left out, and goes on with each proof", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31) + 1;
  const random = new Random(seed);
  let revision = 1;
  const newest = () => revision;
  const parts = [
    new Subtree(newest),
    new Subtree(newest),
    new Subtree(newest),
  ] as const;
  const { topics, together } = await through(parts);
  const look = () => {
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
  let readAnewAt = 0;
  for (let i = 0; i < 1_000; i++) {
    if (random.below(4) > 0) {
      random.pick(parts).write(++revision, random.below(5));
    } else if (random.below(4) === 0) {
      const [anew, other] = [random.pick(parts), random.pick(parts)];
      anew.writeUnheard(++revision, random.below(5));
      if (other !== anew) other.write(++revision, random.below(5));
      await done();
      anew.readAnew(revision);
      readAnewAt = revision;
    } else {
      const asked = Math.max(...parts.map(({ asked }) => asked));
      const proven = asked + random.below(revision - asked + 1);
      for (const part of parts) part.answer(proven);
      await done();
      // Each proof brings them on, unless it is of what nobody heard.
      if (asked > readAnewAt) assert(look() >= asked, `seed ${seed}`);
    }
    if (random.below(2) === 0) await done();
    const now = look();
    assert(now >= passed, `seed ${seed}`);
    passed = now;
  }
  // A write that changes nothing is no news, and brings them no further.
  parts[0].write(++revision, 5);
  for (let i = 0; i < 2; i++) {
    for (const part of parts) part.answer(revision);
    await done();
  }
  assertEquals(look(), revision);
  together.end();
});

Deno.test("together: of a history that went back, what was written over is let through, though one of them has nothing new", async () => {
  const [one, two] = [new Subtree(), new Subtree()];
  one.write(5, 5);
  two.answer(5);
  const { topics: [first, second], together } = await through([one, two]);
  assert(first && second);
  one.progress.startHistory(1, 2);
  one.write(2, 2);
  await done();
  assertEquals([numberOf(first), first.revision], [5, 5]);
  two.progress.startHistory(1, 2);
  two.answer(2);
  await done();
  assertEquals([numberOf(first), first.revision], [2, 2]);
  assertEquals([numberOf(second), second.revision], [0, 2]);
  together.end();
});

Deno.test("together: of a history that grew past what was known, nothing is let through before all are of it", async () => {
  const [one, two] = [new Subtree(), new Subtree()];
  one.write(5, 5);
  two.write(9, 9);
  one.answer(9);
  two.answer(9);
  const { topics: [first, second], together } = await through([one, two]);
  assert(first && second);
  // The other one has not heard of it, and holds what was at 9 in the old one.
  one.progress.startHistory(1, 12);
  one.write(12, 12);
  two.answer(20);
  await done();
  assertEquals([numberOf(first), numberOf(second)], [5, 9]);
  // There it is as it was, so nothing tells of it but a proof.
  two.progress.startHistory(1, 13);
  one.answer(13);
  two.answer(13);
  await done();
  assertEquals([numberOf(first), first.revision], [12, 13]);
  assertEquals([numberOf(second), second.revision], [9, 13]);
  together.end();
});
