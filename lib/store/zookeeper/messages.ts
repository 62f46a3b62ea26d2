import type { Reader } from "./jute.ts";

/** What is asked for: `ZooDefs.OpCode` of ZooKeeper's sources. */
export const OP = {
  exists: 3,
  getData: 4,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  auth: 100,
  addWatch: 106,
  closeSession: -11,
} as const;

/** Numbers of messages that are no answers to requests in their order. */
export const XID = { event: -1, ping: -2, auth: -4 } as const;

/** Why something was not done: `KeeperException.Code` of ZooKeeper's sources. */
export const CODE = {
  unimplemented: -6,
  noNode: -101,
  noAuth: -102,
  authFailed: -115,
} as const;

/** What else may go wrong with a connection, by its code. */
const CODES: ReadonlyMap<number, string> = new Map([
  [-4, "it has lost its connection"],
  [-5, "it could not read the request"],
  [-7, "it took too long"],
  [-112, "the session has expired"],
  [-118, "the session has moved to another member"],
  [-127, "it has too much to do"],
]);

/** What went wrong, as a line. */
export function complaintOf(code: number): string {
  return CODES.get(code) ?? `ZooKeeper's error ${code}`;
}

/** What is known of a znode besides its data. */
export interface Stat {
  /** The transaction that last wrote its data. */
  readonly mzxid: number;
  /** When that was, by the clock of the server that led, in ms since 1970. */
  readonly mtime: number;
  /** In bytes. */
  readonly size: number;
  /** How many children it has. */
  readonly children: number;
}

export function readStat(reader: Reader): Stat {
  reader.skip(8); // czxid
  const mzxid = reader.long();
  reader.skip(8); // ctime
  const mtime = reader.long();
  reader.skip(20); // versions of the data, the children, the ACL; ephemeral owner
  const size = reader.int();
  const children = reader.int();
  reader.skip(8); // pzxid
  return { mzxid, mtime, size, children };
}
