import type { Login } from "../../lib/store/kind.ts";
import { LOGIN } from "./auth.ts";

/** What may not be read, whoever asks. */
export interface Refused {
  readonly path: string;
  /** Whether that holds of what is beneath it, too. */
  readonly isDeep: boolean;
}

/**
 * Who may read what, as etcd's v2 key space and ZooKeeper have it among their
 * data: a member that lags learns of it late, and a backup brings it back.
 */
export interface Rights {
  /** Whoever reads has to log in as this; absent: nobody has to. */
  readonly login?: Login["auth"];
  readonly refused?: Refused;
}

/** Whether a path is another one, or beneath that. */
export function isBeneath(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}/`);
}

/** Whether the login of lainlets may read everything. */
export function mayReadAll({ login, refused }: Rights): boolean {
  return refused === undefined &&
    (login === undefined || login.password === LOGIN.password);
}

/** Whether a login may read a znode: each has rights of its own, here by its path. */
export function mayReadZnode(
  { login, refused }: Rights,
  digest: string | undefined,
  path: string,
): boolean {
  if (login && digest !== `${login.username}:${login.password}`) return false;
  if (refused === undefined) return true;
  return path !== refused.path &&
    !(refused.isDeep && isBeneath(path, refused.path));
}
