import { isObject } from "../../json.ts";
import type { RecordedChange } from "../../model/changes.ts";
import { withoutSecrets } from "../../model/environment.ts";
import { clockOrTimestamp } from "../../model/format.ts";
import { useView } from "../live.ts";
import { Loading, Value } from "../parts.tsx";
import { href } from "../route.ts";
import { type DescribedChange, describedChanges } from "./changes.tsx";

/** Something that does not exist: its last state, when the history has it. */
export function Removed(
  { app, name, view }: {
    view: keyof typeof REMOVES;
    /** `shop.web.web/1` of a pod, the id of a container. */
    name: string;
    /** The app that it was of, where that is known. */
    app?: string;
  },
) {
  const { data, problem } = useView("changes", { app });
  const last = data && lastOf(describedChanges(data), view, name);
  return (
    <>
      <h1>{name}</h1>
      <p>No {view} named "{name}".</p>
      <p>
        <a href={href(["search"], name)}>Search for it</a>
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
          {last.before.map((value, i) => (
            <Value key={i} value={withoutSecrets(value)} />
          ))}
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
  pod: (
    { diff, kind, name: key }: RecordedChange,
    name: string,
  ) => {
    const [group, instance] = name.split("/");
    return kind === "group" && key.endsWith(`/${group}`) &&
      diff.some(({ after, before, path }) =>
        after === undefined && path.length < 3 &&
        podsIn(before).some((one) => String(one) === instance)
      );
  },
  container: (
    { kind }: RecordedChange,
    id: string,
    before: readonly unknown[],
  ) => kind === "group" && before.some((value) => contains(value, id)),
  node: ({ change, kind, name: key }: RecordedChange, name: string) =>
    kind === "node" && change === "removed" && key.startsWith(`${name}:`),
};

/** The instances in a pod or a group. */
function podsIn(value: unknown): unknown[] {
  if (!isObject(value)) return [];
  const { InstanceNo, PodInfos } = value;
  return Array.isArray(PodInfos) ? PodInfos.flatMap(podsIn) : [InstanceNo];
}

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
