import type { Entry, Item, Snapshot } from "../../lib/store/store.ts";

/** What a store said, read: a snapshot with all its entries. */
export type Told =
  | Exclude<Item, Snapshot>
  | Snapshot & { readonly entries: readonly Entry[] };

/** Reads an item. @throws when a snapshot does not come whole */
export async function told(item: Item): Promise<Told> {
  if (item.type !== "snapshot") return item;
  return { ...item, entries: (await Array.fromAsync(item.pages)).flat() };
}
