import type { ReadResult, ZooKeeperConnection } from "./connection.ts";
import type { Stat } from "./protocol.ts";

/** How many requests of a walk are in progress at a time. */
const CONCURRENCY = 128;

/**
 * Limit for one walk, in bytes, and what a znode counts for besides its data,
 * as it takes more than that in memory. A cluster's state is some 100 MB.
 */
const MAX_WALK = 256 * 1024 * 1024;
const ZNODE_COST = 512;

/** Identifies a state of a znode. A restored backup may use a zxid again, so it has the time. */
export type Version = Pick<Stat, "mzxid" | "mtime">;

/** What a walk reads. */
export interface WalkOptions {
  /** Paths to read; true: with all that is beneath. */
  readonly paths: ReadonlyMap<string, boolean>;
  /** Returns the known version of a path: its data is read only when it has another one. */
  known?(path: string): Version | undefined;
  /** Reads no data. */
  readonly isBare?: boolean;
}

/** What a walk has read. */
export interface WalkResult {
  /** The paths that were read, whether there is a znode or not, except refused ones. */
  readonly znodes: ReadonlyMap<string, ReadResult>;
  /** Paths that this login may not read. */
  readonly refused: ReadonlySet<string>;
  /** Everything up to this transaction had happened at the last response. */
  readonly zxid: number;
}

/**
 * Reads paths, many at a time. It may or may not see what happens meanwhile:
 * only what is read after an event is known to be no older than that.
 *
 * @throws {Error} when the connection ends, or there is too much to read
 */
export async function walk(
  connection: ZooKeeperConnection,
  { paths, known, isBare = false }: WalkOptions,
): Promise<WalkResult> {
  const znodes = new Map<string, ReadResult>();
  const refused = new Set<string>();
  let zxid = 0;
  let size = 0;

  const add = (path: string, result: ReadResult) => {
    size += ZNODE_COST + (result.data?.length ?? 0);
    if (size > MAX_WALK) {
      throw new Error("ZooKeeper's responses have more than 256 MB");
    }
    zxid = Math.max(zxid, result.zxid);
    if (result.isRefused) refused.add(path);
    else znodes.set(path, result);
    return result;
  };
  const visit = async (path: string, isDeep: boolean): Promise<string[]> => {
    const version = isDeep ? known?.(path) : undefined;
    let result = isBare || version !== undefined
      ? add(path, await connection.stat(path))
      : add(path, await connection.get(path));
    if (version && result.stat && !isSameVersion(result.stat, version)) {
      result = add(path, await connection.get(path));
    }
    if (!isDeep || !result.stat?.children) return [];
    const { names = [], ...list } = await connection.children(path);
    zxid = Math.max(zxid, list.zxid);
    if (list.isRefused) refused.add(path);
    const folder = path === "/" ? path : `${path}/`;
    return names.map((name) => folder + name);
  };

  const queue = [...paths];
  await new Promise<void>((resolve, reject) => {
    let active = 0;
    const start = () => {
      for (
        let next;
        active < CONCURRENCY && (next = queue.pop()) !== undefined;
      ) {
        active++;
        visit(...next).then((children) => {
          for (const child of children) queue.push([child, true]);
          active--;
          start();
        }, reject);
      }
      if (active === 0) resolve();
    };
    start();
  });
  return { znodes, refused, zxid };
}

export function isSameVersion(a: Version, b: Version): boolean {
  return a.mzxid === b.mzxid && a.mtime === b.mtime;
}
