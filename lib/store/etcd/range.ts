import { Buffer } from "node:buffer";
import type { IKeyValue, IRangeRequest, IRangeResponse } from "etcd3";
import type { Entry, Snapshot } from "../store.ts";

/** How large a page should be, in bytes, and how many keys it may hold. */
const PAGE = { bytes: 2_000_000, first: 50, most: 1_000 };

/** Every key under a prefix, and the revision that last wrote it, at one revision. */
export interface Keys {
  readonly revision: number;
  readonly keys: ReadonlyMap<string, number>;
}

/** Asks etcd for a page. */
type Ask = (request: IRangeRequest) => Promise<IRangeResponse>;

interface Page {
  /** Of the first page, and so of all. */
  readonly revision: number;
  readonly kvs: readonly IKeyValue[];
}

/**
 * Everything under a prefix. The first page is read at once, each other one
 * when it is asked for, and no page is kept when the next one is there.
 */
export async function readSnapshot(
  ask: Ask,
  prefix: string,
): Promise<Snapshot> {
  const pages = readPages(ask, { prefix, keysOnly: false });
  const first = await pages.next();
  return {
    type: "snapshot",
    revision: first.value.revision,
    pages: entriesOf(first, pages),
  };
}

/** The keys under a prefix; etcd sends no values. */
export async function readKeys(ask: Ask, prefix: string): Promise<Keys> {
  const keys = new Map<string, number>();
  const pages = readPages(ask, { prefix, keysOnly: true });
  for (;;) {
    const { done, value: { revision, kvs } } = await pages.next();
    for (const { key, mod_revision } of kvs) {
      keys.set(key.toString(), Number(mod_revision));
    }
    if (done) return { revision, keys };
  }
}

async function* entriesOf(
  first: IteratorResult<Page, Page>,
  pages: AsyncGenerator<Page, Page>,
): AsyncGenerator<readonly Entry[]> {
  for (let page = first;; page = await pages.next()) {
    yield page.value.kvs.map((kv) => ({
      key: kv.key.toString(),
      value: kv.value,
      revision: Number(kv.mod_revision),
    }));
    if (page.done) return;
  }
}

/** Reads page by page, all at one revision, and returns the last one. */
async function* readPages(
  ask: Ask,
  { prefix, keysOnly }: { prefix: string; keysOnly: boolean },
): AsyncGenerator<Page, Page> {
  const { range_end, ...first } = rangeOf(prefix);
  let { key } = first;
  let limit = PAGE.first;
  let at: string | undefined;
  for (;;) {
    const { header, kvs, more } = await ask({
      key,
      range_end,
      limit,
      revision: at,
      keys_only: keysOnly,
    });
    at ??= header.revision;
    const page = { revision: Number(at), kvs };
    const last = kvs.at(-1);
    if (!more || last === undefined) return page;
    key = Buffer.concat([last.key, Buffer.of(0)]);
    let bytes = 0;
    for (const kv of kvs) bytes += kv.key.length + kv.value.length;
    const fitting = Math.floor(PAGE.bytes * kvs.length / bytes);
    limit = Math.max(1, Math.min(fitting, PAGE.most));
    yield page;
  }
}
/** Keys from one on, up to another one, which is not among them. */

export interface Range {
  readonly key: Buffer;
  readonly range_end: Buffer;
}
/** The smallest range that holds some (non-empty) prefixes, one at least, and so what is between them. */

export function rangeOf(...prefixes: readonly string[]): Range {
  const ranges = prefixes.map((prefix) => {
    const key = Buffer.from(prefix);
    const end = Buffer.from(prefix);
    // The prefix with its last byte one higher.
    end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
    return { key, range_end: end };
  });
  return ranges.reduce((all, one) => ({
    key: Buffer.compare(one.key, all.key) < 0 ? one.key : all.key,
    range_end: Buffer.compare(one.range_end, all.range_end) > 0
      ? one.range_end
      : all.range_end,
  }));
}
/** Whether etcd works but this login may not read the subtree. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error &&
    error.message.includes("etcdserver: permission denied");
}
/** Whether etcd has forgotten the revision that it was asked for. */
export function isCompacted(error: unknown): boolean {
  return error instanceof Error &&
    error.message.includes("required revision has been compacted");
}
