import { useState } from "preact/hooks";
import { isSecret } from "../../access/secrets.ts";
import type { Change } from "../live.ts";
import { Diff } from "../parts.tsx";
import { setQuery } from "../route.ts";

const KINDS = ["all", "added", "changed", "removed"] as const;

/** What changed since the page was opened, as it happens. */
export function ChangesView(
  { changes, query }: { changes: readonly Change[]; query: string },
) {
  const [held, setHeld] = useState<readonly Change[]>();
  const [kind, setKind] = useState<typeof KINDS[number]>("all");
  const wanted = (change: Change) =>
    (kind === "all" || change.kind === kind) &&
    change.key.toLowerCase().includes(query.toLowerCase());
  const shown = (held ?? changes).filter(wanted);
  const more = changes.filter(wanted).length - shown.length;
  return (
    <>
      <h1>Changes</h1>
      <div class="controls">
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => setHeld(held === undefined ? changes : undefined)}
        >
          {held === undefined ? "Pause" : `Go on (${more} more)`}
        </button>
        <label>
          Only keys with{" "}
          <input
            type="search"
            value={query}
            onInput={(event) =>
              setQuery(["changes"], event.currentTarget.value)}
          />
        </label>
        <label>
          Kind{" "}
          <select
            value={kind}
            onChange={({ currentTarget: { value } }) =>
              setKind(KINDS.find((one) => one === value) ?? "all")}
          >
            {KINDS.map((one) => <option key={one}>{one}</option>)}
          </select>
        </label>
      </div>
      {shown.length === 0 && (
        <p class="dim">
          {changes.length === 0
            ? "Nothing has changed since this page was opened."
            : "Nothing that changed is like that."}
        </p>
      )}
      <ol class="changes">
        {shown.map((change) => <Item key={change.number} change={change} />)}
      </ol>
    </>
  );
}

function Item({ change }: { change: Change }) {
  const { differences, isAfterGap, key, kind, time } = change;
  const isHidden = key.startsWith("config/") &&
    isSecret(key.slice("config/".length));
  return (
    <li>
      <h2>
        <time dateTime={time.toISOString()}>
          {time.toTimeString().slice(0, 8)}
        </time>{" "}
        <span class={`kind ${kind}`}>{kind}</span>{" "}
        <span class="mono">{key}</span>
      </h2>
      {isAfterGap && <p class="dim">after a gap in the connection</p>}
      {isHidden
        ? <p class="dim">a secret value, not shown here</p>
        : <Diff differences={differences} />}
    </li>
  );
}
