/// <reference lib="dom" />
/**
 * The history: changes in sentences, each with its exact differences folded
 * below.
 *
 * @module
 */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { diff } from "../../client/diff.ts";
import { memo } from "../../memo.ts";
import {
  describeChange,
  type FieldChange,
  plainText,
  type RecordedChange,
  type RichText,
} from "../../model/changes.ts";
import { clockOrTimestamp, plural, timestamp } from "../../model/format.ts";
import { withoutSecrets } from "../../model/environment.ts";
import { listedGaps } from "../../model/gaps.ts";
import type { Model, Node, Params, Pod } from "../../model/mod.ts";
import { movesOf } from "../../model/moves.ts";
import { matcher } from "../../model/search.ts";
import { useView } from "../live.ts";
import { Age, Diff, highlight, Loading } from "../parts.tsx";
import { href, setQuery, useEntryParams } from "../route.ts";
import { Moves } from "./moves.tsx";

/** Entries by number, as `/v2/changes` has them; numbers count up. */
type Entries = Readonly<Record<string, RecordedChange>>;

/** An entry, and its sentence. */
export interface DescribedChange {
  readonly number: string;
  readonly entry: RecordedChange;
  readonly sentence: RichText;
  readonly text: string;
}

const described = new WeakMap<RecordedChange, DescribedChange>();

/** Entries with their sentences, the newest first. */
export function describedChanges(
  entries: Entries = {},
): readonly DescribedChange[] {
  return Object.entries(entries).map(([number, entry]) =>
    memo(described, entry, () => {
      const sentence = describeChange(entry);
      return { number, entry, sentence, text: plainText(sentence) };
    })
  ).reverse();
}

const KINDS = ["group", "config", "node", "depends"] as const;

/** Values of `since`, their titles, and their lengths in ms. */
const SINCE = [
  ["5m", "5 minutes", 300_000],
  ["1h", "hour", 3_600_000],
  ["24h", "day", 86_400_000],
  ["all", "all history", Infinity],
] as const;

/** How far back the history goes, as lainlet reports it. */
type History = Model["present"]["history"];

/** Since when there is nothing: `since 14:09:50 (history starts there)`. @param since one of {@linkcode SINCE} */
function sinceText(since: string, { begin }: History): string {
  const [, , length = 0] = SINCE.find(([value]) => value === since) ?? [];
  const from = Date.now() - length;
  const start = Date.parse(begin);
  return start > from
    ? `since ${clockOrTimestamp(new Date(start))} (history starts there)`
    : `since ${clockOrTimestamp(new Date(from))}`;
}

/** How far back the history goes, and where it has gaps. */
function HistoryRange({ begin, gaps }: History) {
  if (begin === "") return null;
  return (
    <>
      <p class="dim">
        History starts at <Time time={begin} />.
      </p>
      {listedGaps(gaps).map(({ begin, end, times }) => (
        <p class="dim" key={begin}>
          lainlet did not run {times}from <Time time={begin} /> to{" "}
          <Time time={end} />. Of changes in that time only the result is known.
        </p>
      ))}
    </>
  );
}

/** @param time in RFC 3339 */
function Time({ time }: { time: string }) {
  return <time dateTime={time}>{timestamp(new Date(time))}</time>;
}

/** The changes of the cluster, live and past. */
export function ChangesView(
  { model, params }: { model: Model; params: Params },
) {
  const { app = "", kind = "", q = "", since = "1h" } = params;
  const isApp = model.apps.has(app);
  const { data, problem } = useView("changes", {
    since: since === "all" ? undefined : since,
    app: isApp ? app : undefined,
  });
  const [paused, setPaused] = useState<Entries>();
  const change = (next: Params) =>
    setQuery(["changes"], { ...params, ...next });
  const filter = (entries?: Entries) => {
    const matches = matcher(q);
    return describedChanges(entries).filter(({ entry, text }) =>
      (kind === "" || entry.kind === kind) &&
      (app === "" || isApp || (entry.app ?? "").includes(app)) &&
      matches(`${text}\n${entry.name}\n${entry.change}`)
    );
  };
  const all = useMemo(() => filter(data), [data, app, isApp, kind, q]);
  const shown = useMemo(
    () => paused === undefined ? all : filter(paused),
    [paused, all],
  );
  const { history } = model.present;
  return (
    <>
      <h1>Changes</h1>
      <div class="controls">
        <label>
          since{" "}
          <select
            value={since}
            onChange={({ currentTarget: { value } }) =>
              change({ since: value })}
          >
            {SINCE.map(([value, title]) => (
              <option key={value} value={value}>{title}</option>
            ))}
          </select>
        </label>
        <label>
          kind{" "}
          <select
            value={kind}
            onChange={({ currentTarget: { value } }) => change({ kind: value })}
          >
            <option value="">all</option>
            {KINDS.map((one) => <option key={one}>{one}</option>)}
          </select>
        </label>
        <label>
          app{" "}
          <input
            type="search"
            placeholder=" "
            value={app}
            onInput={({ currentTarget: { value } }) => change({ app: value })}
          />
        </label>
        <label>
          filter{" "}
          <input
            type="search"
            placeholder=" "
            aria-label="Filter changes"
            value={q}
            onInput={({ currentTarget: { value } }) => change({ q: value })}
          />
        </label>
        <button
          type="button"
          aria-pressed={paused !== undefined}
          onClick={() => setPaused(paused === undefined ? data : undefined)}
        >
          {paused === undefined
            ? "Pause"
            : `Resume (${all.length - shown.length} new)`}
        </button>
      </div>
      {problem !== undefined && <p class="bad">{problem}</p>}
      {data === undefined && problem === undefined && <Loading />}
      {data !== undefined && shown.length === 0 && (
        <p class="dim">
          {Object.keys(data).length === 0
            ? `No changes ${sinceText(since, history)}.`
            : "No matches."}
        </p>
      )}
      {data !== undefined && <ChangeList changes={shown} />}
      <HistoryRange {...history} />
    </>
  );
}

/** Changes that are listed at once. */
const PAGE = 100;

function ChangeList({ changes, page = PAGE }: {
  changes: readonly DescribedChange[];
  page?: number;
}) {
  const [params, setParams] = useEntryParams("changes");
  const pages = Number(params.pages ?? 1);
  const [newest] = useState(Number(changes[0]?.number ?? -1));
  const more = changes.length - pages * page;
  return (
    <>
      <ol class="changes">
        {changes.slice(0, pages * page).map((one) => (
          <Item
            key={one.number}
            change={one}
            isNew={Number(one.number) > newest}
          />
        ))}
      </ol>
      {more > 0 && (
        <button
          type="button"
          onClick={() => setParams({ pages: String(pages + 1) })}
        >
          Show {Math.min(more, page)} older
        </button>
      )}
    </>
  );
}

function Item({ isNew, change }: { isNew: boolean; change: DescribedChange }) {
  const { entry, sentence } = change;
  const [isOpen, setOpen] = useState(false);
  const item = useRef<HTMLLIElement>(null);
  useLayoutEffect(() => {
    if (isNew && item.current) highlight(item.current);
  }, []);
  const { diff, name, kind, revision, time } = entry;
  return (
    <li ref={item}>
      <Age time={Date.parse(time)} />
      <div>
        <p>
          {sentence.map((part, i) => <Part key={i} part={part} />)}
        </p>
        <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
          <summary>{plural(diff.length, "difference")}</summary>
          {isOpen && (
            <>
              <p class="dim">
                <span class="mono">{kind}/{name}</span>, revision {revision}
              </p>
              <EntryDiff changes={diff} />
            </>
          )}
        </details>
      </div>
    </li>
  );
}

function Part({ part }: { part: RichText[number] }) {
  if (typeof part === "string") return <>{part}</>;
  const { params, path, text, whole } = part;
  if (path === undefined) return <span class="mono" title={whole}>{text}</span>;
  return <a href={href(path, params)}>{text}</a>;
}

/** The differences of an entry; within text that is JSON, too. */
function EntryDiff({ changes }: { changes: readonly FieldChange[] }) {
  const differences = useMemo(
    () =>
      changes.flatMap(({ after, before, path }) => {
        const field = path.map((step) =>
          typeof step === "number" ? `[${step}]` : `.${step}`
        ).join("").replace(/^\./, "");
        const isEnvironment = path.includes("Env");
        return diff(before, after).map((one) => ({
          ...one,
          before: withoutSecrets(one.before, isEnvironment),
          after: withoutSecrets(one.after, isEnvironment),
          path: [field, one.path].filter((text) => text !== "").join(" "),
        }));
      }),
    [changes],
  );
  return <Diff differences={differences} />;
}

/** Of recent changes: how far back they go, and how many are shown. */
const RECENT = "24h";
const RECENT_PAGE = 5;

/** The changes of an app in the last day. */
export function RecentChangesOfApp(
  { app, model }: { app: string; model: Model },
) {
  const { data } = useView("changes", { app, since: RECENT });
  const changes = useMemo(() => describedChanges(data), [data]);
  return (
    <RecentChanges
      changes={data && changes}
      model={model}
      all={{ app, since: RECENT }}
    />
  );
}

/** The changes of a pod, and of what it has in common with its group, in the last day. @param index of it in its group */
export function RecentChangesOfPod(
  { index, model, pod }: { index: number; model: Model; pod: Pod },
) {
  const { app, group } = pod;
  const { data } = useView("changes", { app, since: RECENT });
  const changes = useMemo(
    () =>
      describedChanges(data).filter(({ entry: { diff, kind, name } }) =>
        kind === "group" && name === `${app}/${group}` &&
        diff.some(({ path: [list, at] }) =>
          list !== "PodInfos" || at === undefined || at === index
        )
      ),
    [data, app, group, index],
  );
  return (
    <RecentChanges
      changes={data && changes}
      model={model}
      all={{ app, since: RECENT }}
    />
  );
}

/** The changes of a node, and of the groups that run there, in the last hour: first which pods came and left. */
export function RecentChangesOfNode(
  { model, node }: { model: Model; node: Node },
) {
  const { data } = useView("changes", { since: "1h" });
  const groups = node.pods.map(({ app, group }) => `${app}/${group}`).join(" ");
  const changes = useMemo(() => {
    const here = new Set(groups.split(" "));
    return describedChanges(data).filter(({ entry, sentence }) =>
      entry.kind === "group" && here.has(entry.name) ||
      sentence.some((part) =>
        typeof part === "object" && part.path?.[0] === "node" &&
        part.path[1] === node.name
      )
    );
  }, [data, groups]);
  const moves = useMemo(
    () =>
      describedChanges(data).flatMap(({ entry }) => movesOf(entry))
        .filter(({ from, to }) => from === node.name || to === node.name),
    [data, node.name],
  );
  return (
    <>
      <Moves
        moves={data && moves}
        node={node.name}
        since={sinceText("1h", model.present.history)}
      />
      <RecentChanges
        changes={data && changes}
        model={model}
        all={{ since: "1h" }}
      />
    </>
  );
}

/** @param changes undefined while they are loaded; `all`: parameters of the view that lists all */
function RecentChanges(
  { all, changes, model }: {
    changes?: readonly DescribedChange[];
    model: Model;
    all: Params & { readonly since: string };
  },
) {
  return (
    <section>
      <h2>
        Changes{" "}
        <small>
          <a href={href(["changes"], all)}>View all changes</a>
        </small>
      </h2>
      {changes === undefined && <Loading />}
      {changes?.length === 0 && (
        <p class="dim">
          No changes {sinceText(all.since, model.present.history)}.
        </p>
      )}
      {changes !== undefined && (
        <ChangeList changes={changes} page={RECENT_PAGE} />
      )}
    </section>
  );
}
