import type { Entry, Snapshot, WatchEvent } from "../../lib/store/store.ts";

/** What a store said, read: a snapshot with all its entries. */
export type Told =
  | Exclude<WatchEvent, Snapshot>
  | Snapshot & { readonly entries: readonly Entry[] };

/** Reads an item. @throws when a snapshot does not come whole */
export async function told(item: WatchEvent): Promise<Told> {
  if (item.type !== "snapshot") return item;
  return { ...item, entries: (await Array.fromAsync(item.pages)).flat() };
}
