import type { Flag, Given } from "../flags.ts";
import type { StoreOptions } from "./followed.ts";
import type { Store } from "./store.ts";

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
