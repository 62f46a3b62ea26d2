import { isObject } from "../../json.ts";
import type { HistoryEntry } from "../../model/entry.ts";
import { type Said, saidOf } from "../history.tsx";
import { Value } from "../parts.tsx";
import { href } from "../route.ts";
import { useView } from "../watch.ts";

/** An app, a node or a container that is not there: as it was, if lainlet remembers. */
export function Gone(
  { view, name, id }: { view: string; name: string; id?: string },
) {
  const { data } = useView("changes", view === "app" ? { app: name } : {});
  const last = data && lastOf(saidOf(data), view, id ?? name);
  return (
    <>
      <h1>{id ?? name}</h1>
      <p>There is no {id ?? name} at present.</p>
      <p>
        <a href={href(["search"], id ?? name)}>Search for it</a>
      </p>
      {last && (
        <>
          <p>
            It went at{" "}
            <time dateTime={last.entry.time}>
              {new Date(last.entry.time).toLocaleString("sv")}
            </time>{" "}
            ({last.text}). This is what it was last:
          </p>
          {last.was.map((value, i) => <Value key={i} value={value} />)}
        </>
      )}
    </>
  );
}

/** The newest change after which it was no longer there, and what it was. */
function lastOf(
  changes: readonly Said[],
  view: string,
  name: string,
): Said & { was: readonly unknown[] } | undefined {
  for (const change of changes) {
    const was = change.entry.diff.map(({ before }) => before)
      .filter((before) => before !== undefined);
    const isIt = isGone[view]?.(change.entry, name, was) ?? false;
    if (isIt && was.length > 0) return { ...change, was };
  }
}

const isGone: Readonly<
  Record<
    string,
    (entry: HistoryEntry, name: string, was: readonly unknown[]) => boolean
  >
> = {
  app: ({ app, change, kind }, name) =>
    kind === "group" && change === "removed" && app === name,
  container: ({ kind }, id, was) =>
    kind === "group" && was.some((value) => has(value, id)),
  node: ({ change, kind, name: key }, name) =>
    kind === "node" && change === "removed" && key.startsWith(`${name}:`),
};

/** Whether a container's id is anywhere in a value. */
function has(value: unknown, id: string): boolean {
  if (value === id) return true;
  const items = Array.isArray(value)
    ? value
    : isObject(value)
    ? Object.values(value)
    : [];
  return items.some((item) => has(item, id));
}
