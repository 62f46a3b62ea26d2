import type { Subtree } from "./subtree.ts";

/** A setting of the cluster. */
export interface Config {
  /** Any text. */
  readonly value: string;
}

/** `/lain/config/<name…>` */
export const config: Subtree<Config> = {
  name: "config",
  prefix: "/lain/config/",
  parse: (_key, value) => ({ value }),
};
