import type { Client } from "../client/client.ts";
import { timeParam } from "../view/params.ts";
import { listedGaps } from "../model/gaps.ts";
import { timeText } from "./output.ts";

/**
 * What is to be known about a list of changes: how far back the history goes,
 * and where it has gaps. A line each.
 *
 * @param since how far back the list goes, as `--since`
 */
export async function historyNotes(
  client: Client,
  since: string,
  hasChanges: boolean,
): Promise<string[]> {
  const { history } = await client.get("/debug", {});
  const begin = Date.parse(history.begin);
  const from = timeParam(new URLSearchParams({ since })) ?? 0;
  const isShort = begin > from;
  const first = timeText(new Date(Math.max(begin, from)));
  const start = hasChanges
    ? isShort ? [`the history starts at ${first}`] : []
    : [
      `no changes since ${first}${isShort ? ", when the history starts" : ""}`,
    ];
  const gaps = history.gaps.filter(({ end }) => Date.parse(end) > from);
  return [
    ...start,
    ...listedGaps(gaps).map(({ begin, end, times }) =>
      `lainlet did not run ${times}from ${timeText(new Date(begin))} to ${
        timeText(new Date(end))
      }: of changes in that time only the result is known`
    ),
  ];
}
