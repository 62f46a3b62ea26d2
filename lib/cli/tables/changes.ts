import type { Data } from "../../client/client.ts";
import { describeChange, plainText } from "../../model/changes.ts";
import { cell, inOrder, type Listing, listing, type Row } from "./listing.ts";

/**
 * What changed, the oldest first.
 *
 * @param app "": all that the caller may see
 * @param since how long ago it begins, or when
 */
export function changes(app: string, since: string): Listing {
  const params = app === "" ? { since } : { since, app };
  const list = listing("changes", params, [
    { title: "TIME" },
    { title: "KIND" },
    { title: "WHAT", least: 40, isFolded: true },
  ], (changes) => inOrder(Object.entries(changes).map(rowOf)));
  return { ...list, isLog: true };
}

function rowOf([name, change]: [string, Data<"changes">[string]]): Row {
  return {
    name,
    value: change,
    cells: [
      timeOf(new Date(change.time)),
      cell(change.kind),
      cell(plainText(describeChange(change))),
    ],
    isWell: true,
  };
}

/** When, with the day where that is not today. */
function timeOf(time: Date): string {
  const time24 = time.toLocaleString("sv");
  return time.toDateString() === new Date().toDateString()
    ? time24.slice(-8)
    : time24;
}
