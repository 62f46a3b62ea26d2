import { type Given, UsageError } from "../flags.ts";
import { etcd, etcd2 } from "./etcd/kind.ts";
import type { StoreKind, StoreSource } from "./kind.ts";
import { memory } from "./memory.ts";
import { zookeeper } from "./zookeeper/kind.ts";

/** The stores that there are: the one place to add another. */
export const STORES: readonly StoreKind[] = [etcd, etcd2, zookeeper, memory];

/** How `--store` takes a kind: `memory:FILE`. */
export function storeFlagValue({ name, argument }: StoreKind): string {
  return argument === undefined ? name : `${name}:${argument}`;
}

/**
 * Reads `--store`, and the flags for the store that it names.
 *
 * @param given a flag's value, from the command line or the environment
 * @param isOnLine whether a flag is on the command line
 * @throws {UsageError} on a store that there is not, a bad value, or a flag for another store
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
    const stray = other.flags.find((flag) =>
      !kind.flags.includes(flag) && isOnLine(flag.name)
    );
    if (stray !== undefined) {
      throw new UsageError(
        `--${stray.name} is for --store=${storeFlagValue(other)}, not ${
          storeFlagValue(kind)
        }`,
      );
    }
  }
  return kind.read(given, argument);
}
