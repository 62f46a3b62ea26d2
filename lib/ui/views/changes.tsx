/// <reference lib="dom" />
import { useMemo, useState } from "preact/hooks";
import { Changes, type Numbered, saidOf } from "../history.tsx";
import type { Model } from "../../model/mod.ts";
import type { Params } from "../../model/place.ts";
import { setQuery } from "../route.ts";
import { useView } from "../watch.ts";

const KINDS = ["group", "config", "node", "depends"] as const;

/** From when on, as it is asked of lainlet, and in words. */
const SINCE = [
  ["5m", "5 minutes"],
  ["1h", "hour"],
  ["24h", "day"],
  ["all", "all that is known"],
] as const;

/** What changed, as it happens and before. */
export function ChangesView(
  { model, params }: { model: Model; params: Params },
) {
  const { app = "", kind = "", q = "", since = "1h" } = params;
  const isApp = model.apps.has(app);
  const { data, problem } = useView("changes", {
    since: since === "all" ? undefined : since,
    app: isApp ? app : undefined,
  });
  const [held, setHeld] = useState<Numbered>();
  const change = (next: Params) =>
    setQuery(["changes"], { ...params, ...next });
  const filter = (entries: Numbered = {}) =>
    saidOf(entries).filter(({ entry, text }) =>
      (kind === "" || entry.kind === kind) &&
      (app === "" || isApp || (entry.app ?? "").includes(app)) &&
      `${text} ${entry.name} ${entry.change}`.toLowerCase()
        .includes(q.toLowerCase())
    );
  const all = useMemo(() => filter(data), [data, app, isApp, kind, q]);
  const shown = useMemo(
    () => held === undefined ? all : filter(held),
    [held, all],
  );
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
            {SINCE.map(([value, text]) => (
              <option key={value} value={value}>{text}</option>
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
            value={app}
            onInput={({ currentTarget: { value } }) => change({ app: value })}
          />
        </label>
        <label>
          filter{" "}
          <input
            type="search"
            aria-label="Filter changes"
            value={q}
            onInput={({ currentTarget: { value } }) => change({ q: value })}
          />
        </label>
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => setHeld(held === undefined ? data : undefined)}
        >
          {held === undefined
            ? "Pause"
            : `Go on (${all.length - shown.length} more)`}
        </button>
      </div>
      {problem !== undefined && <p class="bad">{problem}</p>}
      {data === undefined && problem === undefined && (
        <p class="dim">Asking lainlet …</p>
      )}
      {data !== undefined && shown.length === 0 && (
        <p class="dim">
          {Object.keys(data).length === 0
            ? "Nothing has changed since then."
            : "Nothing that changed is like that."}
        </p>
      )}
      {data !== undefined && <Changes changes={shown} />}
      <p class="dim">
        lainlet began to take note at{" "}
        {new Date(model.present.started * 1000).toLocaleString("sv")}.
      </p>
    </>
  );
}
