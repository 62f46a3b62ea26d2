import type { Found, ZooKeeperConnection } from "./connection.ts";
import type { Stat } from "./protocol.ts";

/** How many requests of a walk are under way at a time. */
const LANES = 128;

/**
 * The most that is read at once, in bytes, and what a znode counts for besides
 * its data, as it takes more than that in memory. Whole clusters are some
 * 100 MB.
 */
const MAX_WALK = 256 * 1024 * 1024;
const ZNODE_COST = 512;

/** Which of a znode's states is meant; a restored backup may use a zxid again. */
export type Version = Pick<Stat, "mzxid" | "mtime">;

/** What a walk is to find out. */
export interface Search {
  /** The paths to read; true: and all that is beneath. */
  readonly paths: ReadonlyMap<string, boolean>;
  /** What is known of a path: its data is read only when that is not its state. */
  known?(path: string): Version | undefined;
  /** Reads no data at all. */
  readonly isBare?: boolean;
}

/** What a walk has found. */
export interface Finds {
  /** What is there, or not, of the paths that were read, but the refused ones. */
  readonly znodes: ReadonlyMap<string, Found>;
  /** Paths that this login may not read. */
  readonly refused: ReadonlySet<string>;
  /** Everything up to this transaction had happened when the last answer was made. */
  readonly zxid: number;
}

/**
 * Reads paths, many at a time. What happens meanwhile is found or not: only
 * what is read after its event came is known to be no older than that.
 *
 * @throws {Error} when the connection ends, or there is too much
 */
export async function walk(
  connection: ZooKeeperConnection,
  { paths, known, isBare = false }: Search,
): Promise<Finds> {
  const znodes = new Map<string, Found>();
  const refused = new Set<string>();
  let zxid = 0;
  let size = 0;

  const note = (path: string, found: Found) => {
    size += ZNODE_COST + (found.data?.length ?? 0);
    if (size > MAX_WALK) {
      throw new Error("ZooKeeper's answers have more than 256 MB");
    }
    zxid = Math.max(zxid, found.zxid);
    if (found.isRefused) refused.add(path);
    else znodes.set(path, found);
    return found;
  };
  const visit = async (path: string, isDeep: boolean): Promise<string[]> => {
    const version = isDeep ? known?.(path) : undefined;
    let found = isBare || version !== undefined
      ? note(path, await connection.stat(path))
      : note(path, await connection.get(path));
    if (version && found.stat && !isSame(found.stat, version)) {
      found = note(path, await connection.get(path));
    }
    if (!isDeep || !found.stat?.children) return [];
    const { names = [], ...list } = await connection.children(path);
    zxid = Math.max(zxid, list.zxid);
    if (list.isRefused) refused.add(path);
    const folder = path === "/" ? path : `${path}/`;
    return names.map((name) => folder + name);
  };

  const queue = [...paths];
  await new Promise<void>((resolve, reject) => {
    let busy = 0;
    const start = () => {
      for (let next; busy < LANES && (next = queue.pop()) !== undefined;) {
        busy++;
        visit(...next).then((children) => {
          for (const child of children) queue.push([child, true]);
          busy--;
          start();
        }, reject);
      }
      if (busy === 0) resolve();
    };
    start();
  });
  return { znodes, refused, zxid };
}

export function isSame(one: Version, other: Version): boolean {
  return one.mzxid === other.mzxid && one.mtime === other.mtime;
}
