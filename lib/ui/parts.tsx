/// <reference lib="dom" />
/**
 * Small elements that several views show.
 *
 * @module
 */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Difference } from "../client/diff.ts";
import { isDeeperThan } from "../json.ts";
import {
  addressText,
  age,
  plural,
  podName,
  type Reservation,
  reservedText,
  type Resource,
  shellCommand,
  shortVersion,
  timestamp,
  unlimitedText,
} from "../model/format.ts";
import {
  type Health,
  type Status,
  statusOf,
  statusText,
} from "../model/health.ts";
import type { Pod } from "../model/mod.ts";
import { podLink } from "../model/search.ts";
import { reservedShare, type Summary, summaryText } from "../model/status.ts";
import { href } from "./route.ts";
import "./parts.css";

/** A status in words, with a shape, so that it is seen without colours. */
export function Mark({ status, text }: { status: Status; text: string }) {
  return <span class={`mark ${status}`}>{text}</span>;
}

/** The status of a pod, and since when. */
export function HealthMark({ of }: { of: Health }) {
  const times = [...of.problems, ...of.notes].map(({ since }) => since?.time);
  const now = useAging(times);
  return <Mark status={statusOf(of)} text={statusText(of, { now })} />;
}

/** The status of an app, a group or a node, and since when. */
export function SummaryMark({ of }: { of: Summary }) {
  const now = useAging(
    of.parts.flatMap(({ since = [] }) => since.map(({ time }) => time)),
  );
  return <Mark status={of.status} text={summaryText(of, now)} />;
}

export function AppLink(
  { name, children = name }: { name: string; children?: ComponentChildren },
) {
  return <a href={href(["app", name])}>{children}</a>;
}

export function NodeLink({ name }: { name: string }) {
  return <a href={href(["node", name])}>{name}</a>;
}

export function PodLink({ pod }: { pod: Pod }) {
  return <a href={href(podLink(pod).path)}>{podName(pod)}</a>;
}

/** An address, which can be copied. */
export function Address({ ip, port }: { ip: string; port?: number }) {
  if (ip === "") return <span class="bad">no address</span>;
  return <Copyable text={addressText(ip, port)} isWhole />;
}

/** A text to be used elsewhere. @param isWhole it is not broken into lines */
export function Copyable(
  { isWhole, text }: { text: string; isWhole?: boolean },
) {
  return (
    <span class="copyable">
      <span class={isWhole ? "mono line" : "mono"}>{text}</span>
      <CopyButton text={text} />
    </span>
  );
}

/** How long a button says that it has copied, in ms. */
const COPIED = 1_500;

/** Copies a text to the clipboard. */
export function CopyButton({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), COPIED);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const label = `${isCopied ? "Copied" : "Copy"} ${text}`;
  return (
    <button
      type="button"
      class={isCopied ? "copy copied" : "copy"}
      aria-label={label}
      title={label}
      onClick={async () => setCopied(await copy(text))}
    />
  );
}

/** Copies a text. @returns whether the browser did */
async function copy(text: string): Promise<boolean> {
  // Without TLS a browser has a clipboard only for localhost.
  if (navigator.clipboard === undefined) return copyBySelection(text);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const { activeElement } = document;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  if (activeElement instanceof HTMLElement) {
    activeElement.focus({ preventScroll: true });
  }
  return isCopied;
}

/** A command for a shell, which can be copied. */
export function Command({ words }: { words: readonly string[] }) {
  return (
    <p class="command">
      <Copyable text={shellCommand(words)} />
    </p>
  );
}

/** A value that is shown by a click. @param name of what it is the value */
export function Secret({ name, value }: { name: string; value: string }) {
  const [isShown, show] = useState(false);
  return (
    <>
      <button
        type="button"
        class="small"
        aria-label={`${isShown ? "Hide" : "Show"} ${name}`}
        onClick={() => show(!isShown)}
      >
        {isShown ? "Hide" : "Show"}
      </button>{" "}
      {isShown ? <Value value={value} /> : <span class="dim">masked</span>}
    </>
  );
}

/** A version in its short form; the whole of it is its title. */
export function Version({ version }: { version: string }) {
  return <span class="mono" title={version}>{shortVersion(version)}</span>;
}

/** The time in ms since 1970, again whenever the text of an age may differ. @param times whose ages are shown */
function useAging(times: readonly (number | undefined)[]): number {
  const [, redraw] = useState(0);
  const now = Date.now();
  const newest = Math.max(...times.map((time) => time ?? -Infinity));
  const interval = agingInterval(now - newest);
  useEffect(() => {
    if (interval === undefined) return;
    const timer = setInterval(() => redraw((n) => n + 1), interval);
    return () => clearInterval(timer);
  }, [interval]);
  return now;
}

/** How often the text of an age is looked at, in ms; undefined: never. */
function agingInterval(age: number): number | undefined {
  if (age === Infinity) return undefined;
  if (age < 90_000) return 1_000;
  return age < 3_600_000 ? 10_000 : 60_000;
}

/** How long ago a time was. @param time in ms since 1970 */
export function Age({ time }: { time?: number }) {
  const now = useAging([time]);
  if (time === undefined) return <span class="dim">–</span>;
  const date = new Date(time);
  return (
    <time dateTime={date.toISOString()} title={timestamp(date)}>
      {age(time, now)}
    </time>
  );
}

/** How much of a node's resource is reserved: as a bar, and in words. */
export function ReservationBar(
  { reservation, resource }: { reservation: Reservation; resource: Resource },
) {
  const share = reservedShare(reservation);
  const text = reservedText(reservation, resource);
  const unlimited = unlimitedText(reservation);
  return (
    <span
      class={share > 1 ? "reservation overcommitted" : "reservation"}
      title={[`${resource}: ${text} reserved`, unlimited].filter(Boolean)
        .join(", ")}
    >
      <span class="resource">{resource}</span>
      <span class="bar" aria-hidden="true">
        <i style={{ width: `${Math.min(100, share * 100)}%` }} />
      </span>
      <span class="amount">{text}</span>
    </span>
  );
}

/** Stands for what a view has asked for; until it comes, a restored position is held. */
export function Loading() {
  return <p class="dim" aria-busy="true">Loading …</p>;
}

/** A number to be seen first, and what it counts. */
export interface Figure {
  readonly value: ComponentChildren;
  readonly name: string;
  /** It asks for attention. */
  readonly isBad?: boolean;
  /** The view that lists them. */
  readonly path?: readonly string[];
}

/** The numbers that matter most. */
export function Figures({ figures }: { figures: readonly Figure[] }) {
  return (
    <ul class="figures">
      {figures.map(({ isBad, name, path, value }) => (
        <li key={name} class={isBad ? "bad" : undefined}>
          {path === undefined
            ? (
              <>
                <strong>{value}</strong> {name}
              </>
            )
            : (
              <a href={href(path)}>
                <strong>{value}</strong> {name}
              </a>
            )}
        </li>
      ))}
    </ul>
  );
}

/** Names and values. */
export function Facts(
  { facts }: { facts: readonly (readonly [string, ComponentChildren])[] },
) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A value of the store; JSON is indented. */
export function Value({ value }: { value: unknown }) {
  const text = indented(value);
  if (text === "") return <span class="dim">empty</span>;
  return text.includes("\n")
    ? <pre>{text}</pre>
    : <span class="mono">{text}</span>;
}

/** Depth up to which JSON is indented: each level indents all lines within it. */
const MAX_INDENTED = 50;

function indented(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  if (!/^\s*[[{]/.test(text) || isDeeperThan(text, MAX_INDENTED)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Lines of a diff that are shown at once. */
const DIFF_LINES = 8;

export function Diff({ differences }: { differences: readonly Difference[] }) {
  const more = differences.slice(DIFF_LINES);
  return (
    <>
      <DiffLines differences={differences.slice(0, DIFF_LINES)} />
      {more.length > 0 && (
        <details>
          <summary>Show {plural(more.length, "more line")}</summary>
          <DiffLines differences={more} />
        </details>
      )}
    </>
  );
}

function DiffLines({ differences }: { differences: readonly Difference[] }) {
  return (
    <ul class="diff">
      {differences.map(({ path, kind, before, after }, i) => (
        <li key={i}>
          <code>{path}</code>
          {kind !== "added" && <del>{diffText(before)}</del>}
          {kind !== "removed" && <ins>{diffText(after)}</ins>}
        </li>
      ))}
    </ul>
  );
}

/** Characters of a value in a diff, at most. */
const MAX_DIFF = 400;

function diffText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (text === "") return '""';
  return text.length > MAX_DIFF ? `${text.slice(0, MAX_DIFF)} …` : text;
}

/** How long a change is highlighted, in ms. */
const HIGHLIGHT = 1_500;

/**
 * Steps in which a highlight fades: a browser draws a changing colour for each
 * frame, which on a busy cluster takes half a core.
 */
const HIGHLIGHT_STEPS = 5;

/** Highlights an element for a moment, unless the user wants no motion. */
export function highlight(element: Element): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  element.animate([{ background: "var(--highlight)" }, {}], {
    duration: HIGHLIGHT,
    easing: `steps(${HIGHLIGHT_STEPS})`,
  });
}
