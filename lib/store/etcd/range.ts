import { Buffer } from "node:buffer";
import type { IKeyValue, IRangeRequest, IRangeResponse } from "etcd3";
import type { Entry, Snapshot } from "../store.ts";
import type { KeyRevisions } from "../watch.ts";

/** Target size of a page in bytes, and how many keys the first page and any page may hold. */
const PAGE = { bytes: 2_000_000, firstKeys: 50, maxKeys: 1_000 };

/** The keys from one up to another one, which is not included. */
export interface Range {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

/** Returns the smallest range that holds one or more non-empty prefixes, and with them what lies between. */
export function rangeOf(...prefixes: readonly string[]): Range {
  const ranges = prefixes.map((prefix) => {
    const key = Buffer.from(prefix);
    const end = Buffer.from(prefix);
    // The prefix with its last byte one higher.
    end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
    return { key, range_end: end };
  });
  return ranges.reduce((all, range) => ({
    key: Buffer.compare(range.key, all.key) < 0 ? range.key : all.key,
    range_end: Buffer.compare(range.range_end, all.range_end) > 0
      ? range.range_end
      : all.range_end,
  }));
}

/** Whether etcd works, but this login may not read the range. */
export function isPermissionDenied(error: unknown): error is Error {
  return error instanceof Error &&
    error.message.includes("etcdserver: permission denied");
}

/** Whether the revision of a request was compacted. */
export function isCompacted(error: unknown): boolean {
  return error instanceof Error &&
    error.message.includes("required revision has been compacted");
}

/** Requests a page from etcd. */
type RequestPage = (request: IRangeRequest) => Promise<IRangeResponse>;

interface Page {
  /** The revision of the first page, and so of all. */
  readonly revision: number;
  readonly kvs: readonly IKeyValue[];
}

/**
 * Reads everything under a prefix. The first page is read at once, each other
 * one when the reader asks for it. No page is kept when the next one is there.
 */
export async function readSnapshot(
  request: RequestPage,
  prefix: string,
): Promise<Snapshot> {
  const pages = readPages(request, { prefix, keysOnly: false });
  const first = await pages.next();
  return {
    type: "snapshot",
    revision: first.value.revision,
    pages: entriesOf(first, pages),
  };
}

/** Reads the keys under a prefix. etcd sends no values. */
export async function readKeys(
  request: RequestPage,
  prefix: string,
): Promise<KeyRevisions> {
  const keys = new Map<string, number>();
  const pages = readPages(request, { prefix, keysOnly: true });
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

/** Reads page by page, all at one revision. Returns the last page. */
async function* readPages(
  request: RequestPage,
  { prefix, keysOnly }: { prefix: string; keysOnly: boolean },
): AsyncGenerator<Page, Page> {
  const { range_end, ...first } = rangeOf(prefix);
  let { key } = first;
  let limit = PAGE.firstKeys;
  let revision: string | undefined;
  for (;;) {
    const { header, kvs, more } = await request({
      key,
      range_end,
      limit,
      revision,
      keys_only: keysOnly,
    });
    revision ??= header.revision;
    const page = { revision: Number(revision), kvs };
    const last = kvs.at(-1);
    if (!more || last === undefined) return page;
    key = Buffer.concat([last.key, Buffer.of(0)]);
    let bytes = 0;
    for (const kv of kvs) bytes += kv.key.length + kv.value.length;
    const fitting = Math.floor(PAGE.bytes * kvs.length / bytes);
    limit = Math.max(1, Math.min(fitting, PAGE.maxKeys));
    yield page;
  }
}
