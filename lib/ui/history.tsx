/// <reference lib="dom" />
/**
 * The history: what changed, in sentences.
 *
 * @module
 */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { diff } from "../client/diff.ts";
import { memo } from "../memo.ts";
import type { FieldChange, HistoryEntry, RichText } from "../model/entry.ts";
import { glow } from "./glow.ts";
import { Ago } from "./marks.tsx";
import { Diff } from "./parts.tsx";
import { href } from "./route.ts";
import { describeChange, plainText } from "../model/changes.ts";
import { plural } from "../model/format.ts";
import "./history.css";

/** By numbers that count up, as `/v2/changes` has them. */
export type Numbered = Readonly<Record<string, HistoryEntry>>;

/** An entry with its number, and what it says. */
export interface Said {
  readonly number: string;
  readonly entry: HistoryEntry;
  readonly sentence: RichText;
  readonly text: string;
}

const said = new WeakMap<HistoryEntry, Said>();

/** All that is said, the newest first. */
export function saidOf(entries: Numbered): readonly Said[] {
  return Object.entries(entries).map(([number, entry]) =>
    memo(said, entry, () => {
      const sentence = describeChange(entry);
      return { number, entry, sentence, text: plainText(sentence) };
    })
  ).reverse();
}

/** How many are shown at once. */
const MOST = 100;

/** Changes, each with what differs exactly folded beneath. */
export function Changes({ changes, most = MOST }: {
  changes: readonly Said[];
  most?: number;
}) {
  const [pages, setPages] = useState(1);
  const [newest] = useState(Number(changes[0]?.number ?? -1));
  const more = changes.length - pages * most;
  return (
    <>
      <ol class="changes">
        {changes.slice(0, pages * most).map((one) => (
          <Item
            key={one.number}
            said={one}
            isNew={Number(one.number) > newest}
          />
        ))}
      </ol>
      {more > 0 && (
        <button type="button" onClick={() => setPages(pages + 1)}>
          {plural(more, "older one")}
        </button>
      )}
    </>
  );
}

function Item({ isNew, said }: { isNew: boolean; said: Said }) {
  const { entry, sentence } = said;
  const [isOpen, setOpen] = useState(false);
  const item = useRef<HTMLLIElement>(null);
  useLayoutEffect(() => {
    if (isNew && item.current) glow(item.current);
  }, []);
  const { diff, name, kind, revision, time } = entry;
  return (
    <li ref={item}>
      <Ago time={Date.parse(time)} />
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
              <Exactly steps={diff} />
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

/** Text that is JSON is looked into. */
function Exactly({ steps }: { steps: readonly FieldChange[] }) {
  const differences = useMemo(() =>
    steps.flatMap(({ after, before, path }) => {
      const place = path.map((step) =>
        typeof step === "number" ? `[${step}]` : `.${step}`
      ).join("").replace(/^\./, "");
      return diff(before, after).map((one) => ({
        ...one,
        path: [place, one.path].filter((text) => text !== "").join(" "),
      }));
    }), [steps]);
  return <Diff differences={differences} />;
}
