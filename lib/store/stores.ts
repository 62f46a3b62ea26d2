import { type Flag, type Given, UsageError } from "../flags.ts";
import { etcd, etcd2 } from "./etcd/kind.ts";
import type { StoreKind, StoreSource } from "./kind.ts";
import { memory } from "./memory.ts";
import { zookeeper } from "./zookeeper/kind.ts";

/** All kinds of stores. Another one is added here. */
export const STORES: readonly StoreKind[] = [etcd, etcd2, zookeeper, memory];

/** Returns the value of `--store` for a kind, `memory:FILE`. */
export function storeFlagValue({ name, argument }: StoreKind): string {
  return argument === undefined ? name : `${name}:${argument}`;
}

/** `--store`, and the flags of all stores. */
export const STORE_FLAGS: readonly Flag[] = [
  {
    name: "store",
    value: "STORE",
    choices: STORES.map(({ argument, name }) =>
      argument === undefined ? name : `${name}:`
    ),
    env: "LAINLET_STORE",
    help: `${
      STORES.map((kind) =>
        kind.about === ""
          ? storeFlagValue(kind)
          : `${storeFlagValue(kind)}, ${kind.about}`
      ).join("; ")
    } (default $LAINLET_STORE, or etcd)`,
  },
  ...new Set(STORES.flatMap(({ flags }) => flags)),
];

/**
 * Reads `--store`, and the flags of the store that it names.
 *
 * @param given returns a flag's value, from the command line or the environment
 * @param isOnLine tells whether a flag is on the command line
 * @throws {UsageError} on an unknown store, a bad value, or a flag of another store
 */
export function readStore(
  given: Given,
  isOnLine: (name: string) => boolean,
): StoreSource {
  const text = given("store") ?? "etcd";
  const [, name, argument = ""] = /^([^:]*)(?::(.+))?$/s.exec(text) ?? [];
  const kind = STORES.find((kind) =>
    kind.name === name && (kind.argument === undefined) === (argument === "")
  );
  if (kind === undefined) {
    const terms = STORES.map(storeFlagValue);
    throw new UsageError(
      `--store must be ${terms.slice(0, -1).join(", ")} or ${
        terms.at(-1)
      }, not "${text}"`,
    );
  }
  for (const other of STORES) {
    const unexpected = other.flags.find((flag) =>
      !kind.flags.includes(flag) && isOnLine(flag.name)
    );
    if (unexpected !== undefined) {
      throw new UsageError(
        `--${unexpected.name} is for --store=${storeFlagValue(other)}, not ${
          storeFlagValue(kind)
        }`,
      );
    }
  }
  return kind.read(given, argument);
}
