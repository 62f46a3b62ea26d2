import { type Flag, type Given, UsageError } from "../flags.ts";
import type { Store } from "./store.ts";
import type { TlsFiles } from "./tls.ts";

/** A kind of store: its name on the command line, its flags, and how it is opened. */
export interface StoreKind {
  /** The value of `--store`. */
  readonly name: string;
  /** Placeholder of what follows the name and a colon, `FILE`; absent: nothing follows. */
  readonly argument?: string;
  /** Description for `--help`; "" when the name says enough. */
  readonly about: string;
  /** Its flags. Kinds may share some. */
  readonly flags: readonly Flag[];
  /**
   * Reads its flags.
   *
   * @param argument what follows the name and the colon; "" when nothing does
   * @throws {UsageError} on a bad value
   */
  read(given: Given, argument: string): StoreSource;
}

/** A store that can be opened. */
export interface StoreSource {
  /** The kind's name. */
  readonly kind: string;
  /** Endpoints of one cluster; any of them identifies it. */
  readonly endpoints: readonly string[];
  /**
   * Opens the store. Does not wait until it can be reached.
   *
   * @throws {UsageError} when a file that a flag names cannot be used
   */
  open(options: StoreOptions): Promise<Store>;
}

/** How a store is checked. */
export interface StoreOptions {
  /** Time between two freshness checks, in ms; default 5 s. */
  readonly checkEvery?: number;
  /** Time between two comparisons of all keys, in ms; 0 (default): never. */
  readonly verifyEvery?: number;
}

/** Credentials for a store, and the CA that its certificate has to be signed by. */
export interface Login {
  readonly tls?: TlsFiles;
  readonly auth?: { readonly username: string; readonly password: string };
}

/** Reads a flag of the form `user:password`. @throws {UsageError} when it has another form */
export function readAuth(flag: string, given: Given): Login["auth"] {
  const text = given(flag);
  if (text === undefined) return undefined;
  const colon = text.indexOf(":");
  if (colon < 1) throw new UsageError(`--${flag} must be user:password`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
