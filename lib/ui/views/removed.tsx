import { isObject } from "../../json.ts";
import type { RecordedChange } from "../../model/changes.ts";
import { clockOrTimestamp } from "../../model/format.ts";
import { useView } from "../live.ts";
import { Loading, Value } from "../parts.tsx";
import { href } from "../route.ts";
import { type DescribedChange, describedChanges } from "./changes.tsx";

/** Something that does not exist: its last state, when the history has it. */
export function Removed(
  { view, name, id }: {
    view: "app" | "container" | "node";
    name: string;
    id?: string;
  },
) {
  const { data, problem } = useView(
    "changes",
    view === "app" ? { app: name } : {},
  );
  const last = data && lastOf(describedChanges(data), view, id ?? name);
  return (
    <>
      <h1>{id ?? name}</h1>
      <p>No {view} named "{id ?? name}".</p>
      <p>
        <a href={href(["search"], id ?? name)}>Search for it</a>
      </p>
      {data === undefined && problem === undefined && <Loading />}
      {last && (
        <>
          <p>
            Removed at{" "}
            <time dateTime={last.entry.time}>
              {clockOrTimestamp(new Date(last.entry.time))}
            </time>{" "}
            ({last.text}). Its last state:
          </p>
          {last.before.map((value, i) => <Value key={i} value={value} />)}
        </>
      )}
    </>
  );
}

/** The change that removed it, with the values before. */
function lastOf(
  changes: readonly DescribedChange[],
  view: keyof typeof REMOVES,
  name: string,
): DescribedChange & { before: readonly unknown[] } | undefined {
  for (const change of changes) {
    const before = change.entry.diff.map(({ before }) => before)
      .filter((value) => value !== undefined);
    if (before.length > 0 && REMOVES[view](change.entry, name, before)) {
      return { ...change, before };
    }
  }
}

/** Whether a change removed something of a name. */
const REMOVES = {
  app: ({ app, change, kind }: RecordedChange, name: string) =>
    kind === "group" && change === "removed" && app === name,
  container: (
    { kind }: RecordedChange,
    id: string,
    before: readonly unknown[],
  ) => kind === "group" && before.some((value) => contains(value, id)),
  node: ({ change, kind, name: key }: RecordedChange, name: string) =>
    kind === "node" && change === "removed" && key.startsWith(`${name}:`),
};

/** Whether a text is anywhere in a value. */
function contains(value: unknown, text: string): boolean {
  if (value === text) return true;
  const items = Array.isArray(value)
    ? value
    : isObject(value)
    ? Object.values(value)
    : [];
  return items.some((item) => contains(item, text));
}
