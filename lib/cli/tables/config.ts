import { isSecret } from "../../access/rights.ts";
import { cell, inOrder, type Listing, listing } from "./listing.ts";

/** What stands for a secret. */
const HIDDEN = "(secret)";

/**
 * The cluster's settings whose names start with a prefix.
 *
 * @param hidesSecrets whether secret values are not told
 */
export function config(prefix: string, hidesSecrets: boolean): Listing {
  return listing("configwatcher", prefix === "" ? {} : { target: prefix }, [
    { title: "NAME", least: 30, cut: "middle" },
    { title: "VALUE", least: 20 },
  ], (settings) =>
    inOrder(
      Object.entries(settings).map(([name, whole]) => {
        const value = hidesSecrets ? hidden(name, whole) : whole;
        return {
          name,
          value: { name, value },
          cells: [cell(name), cell(value)],
          isWell: true,
        };
      }),
    ));
}

/** A setting's value, or what stands for it when it is a secret; nothing is none. */
export function hidden(name: string, value: string): string {
  return isSecret(name) && value !== "" ? HIDDEN : value;
}
