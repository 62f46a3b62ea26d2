import type { Subtree } from "./subtree.ts";

/** A cluster setting; the value is any text. */
export interface Config {
  readonly value: string;
}

/** `/lain/config/<name…>` */
export const config: Subtree<Config> = {
  name: "config",
  prefix: "/lain/config/",
  parse: (_key, value) => ({ value }),
};
