import { assert } from "@std/assert";
import { readEvent } from "../../util/collector.ts";
import { eventually } from "../../util/process.ts";
import { Writers } from "../../util/writers.ts";
import type { StoreHarness } from "./conformance.ts";

const PREFIX = "/claims/";
/** What each of four writers writes in turn. */
const KEYS = [0, 1, 2, 3].map((writer) =>
  [0, 1, 2].map((key) => `${PREFIX}${writer}/${key}`)
);

/** What a reader held, and what it was told of that. */
interface Claim {
  /** Everything up to this revision is held. */
  readonly complete: number;
  /** Nothing of a later one is. */
  readonly newest: number;
  readonly held: ReadonlyMap<string, string>;
}

/** Reads a watch until some proofs were answered. @returns what was claimed meanwhile */
async function claimsOf({ store }: StoreHarness): Promise<Claim[]> {
  const claims: Claim[] = [];
  const held = new Map<string, string>();
  const text = new TextDecoder();
  let [complete, newest, progress] = [0, 0, 0];
  const abort = new AbortController();
  const { signal } = abort;
  const prove = async () => {
    for (let i = 0; i < 2; i++) {
      const proven = await store.checkFreshness(PREFIX, signal);
      // It is there for the reader, which takes a turn to read it.
      await eventually(
        `progress up to revision ${proven}, which checkFreshness returned`,
        () => complete >= proven || undefined,
      );
    }
  };
  let proving: Promise<void> | undefined;
  for await (const one of store.watch(PREFIX, signal)) {
    const item = await readEvent(one);
    if (item.type === "snapshot") {
      held.clear();
      for (const { key, value } of item.entries) {
        held.set(key, text.decode(value));
      }
    } else if (item.type === "batch") {
      for (const { key, value } of item.changes) {
        if (value === undefined) held.delete(key);
        else held.set(key, text.decode(value));
      }
    } else if (item.type === "progress") {
      assert(item.revision >= progress, `progress fell to ${item.revision}`);
      progress = item.revision;
    } else continue;
    const whole = "completeRevision" in item
      ? item.completeRevision
      : undefined;
    complete = Math.max(complete, whole ?? item.revision);
    newest = Math.max(newest, item.revision);
    claims.push({ complete, newest, held: new Map(held) });
    proving ??= prove().finally(() => abort.abort());
  }
  await proving;
  return claims;
}

/**
 * What a store says of how far it has come is true, while it is written to
 * without a pause: at the start of a watch, and later.
 */
export async function checkClaims(harness: StoreHarness): Promise<void> {
  const claims: Claim[] = [];
  const write = harness.write.bind(harness);
  await using writers = new Writers(write, KEYS, 5);
  for (let i = 0; i < 2; i++) claims.push(...await claimsOf(harness));
  await writers[Symbol.asyncDispose]();
  assert(claims.length > 5, "little was read");
  for (const { complete, newest, held } of claims) {
    for (const key of KEYS.flat()) {
      const possible = writers.between(key, complete, newest);
      const value = held.get(key) ?? null;
      assert(
        possible.includes(value),
        `${key} is ${value}, and not one of ${possible}, at ${complete} to ${newest}`,
      );
    }
  }
}
