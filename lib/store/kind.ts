import { type Flag, type Given, UsageError } from "../flags.ts";
import type { StoreOptions } from "./remote.ts";
import type { Store } from "./store.ts";
import type { TlsFiles } from "./tls.ts";

/** A kind of store: what the command line calls it, and how it is opened. */
export interface StoreKind {
  /** What `--store` calls it. */
  readonly name: string;
  /** What follows the name and a colon, `FILE`; absent: nothing. */
  readonly argument?: string;
  /** What it is, for `--help`; "" when its name says that. */
  readonly about: string;
  /** Flags for it. Kinds may share some. */
  readonly flags: readonly Flag[];
  /**
   * Reads its flags.
   *
   * @param argument what follows the name; "" where there is none
   * @throws {UsageError} on a bad value
   */
  read(given: Given, argument: string): StoreSource;
}

/** A store that can be opened. */
export interface StoreSource {
  /** The kind's name. */
  readonly kind: string;
  /** Where it is: endpoints of one cluster, any of which stands for it. */
  readonly endpoints: readonly string[];
  /**
   * Opens it; a store that is not there yet is waited for.
   *
   * @throws {UsageError} when a file that a flag names is of no use
   */
  open(options: StoreOptions): Promise<Store>;
}
/** Who lainlet is to a store, and whom it trusts to be that. */

export interface Login {
  readonly tls?: TlsFiles;
  readonly auth?: { readonly username: string; readonly password: string };
}
/** The user and the password that a flag gives. @throws {UsageError} when it is not both */

export function readAuth(flag: string, given: Given): Login["auth"] {
  const text = given(flag);
  if (text === undefined) return undefined;
  const colon = text.indexOf(":");
  if (colon < 1) throw new UsageError(`--${flag} must be user:password`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
