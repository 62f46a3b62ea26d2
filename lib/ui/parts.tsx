/**
 * Small things that several views show.
 *
 * @module
 */
import type { ComponentChildren } from "preact";
import type { Difference } from "../client/diff.ts";
import { isDeeperThan } from "../json.ts";
import type { Container } from "../model/mod.ts";
import { href } from "./route.ts";
import "./parts.css";

/** A way to an app, which says its name when nothing else. */
export function AppLink(
  { name, children = name }: { name: string; children?: ComponentChildren },
) {
  return <a href={href(["app", name])}>{children}</a>;
}

export function NodeLink({ name }: { name: string }) {
  return <a href={href(["node", name])}>{name}</a>;
}

export function ContainerLink({ container }: { container: Container }) {
  const { node, id } = container;
  // As Docker shortens its own.
  const name = /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id;
  return <a class="mono line" href={href(["container", node, id])}>{name}</a>;
}

/** An address, or that there is none. */
export function Address({ ip, port }: { ip: string; port?: number }) {
  if (ip === "") return <span class="bad">no address</span>;
  return <span class="mono line">{port ? `${ip}:${port}` : ip}</span>;
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

/** A value from the cluster; text that is JSON is laid out. */
export function Value({ value }: { value: unknown }) {
  const text = pretty(value);
  if (text === "") return <span class="dim">empty</span>;
  return text.includes("\n")
    ? <pre>{text}</pre>
    : <span class="mono">{text}</span>;
}

/** How deep a value may be nested to be laid out: each level indents all lines within it. */
const LAID_OUT = 50;

function pretty(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  if (!/^\s*[[{]/.test(text) || isDeeperThan(text, LAID_OUT)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** How many lines of a diff are shown at once. */
const LINES = 8;

/** What differs, a line each. */
export function Diff({ differences }: { differences: readonly Difference[] }) {
  const more = differences.slice(LINES);
  return (
    <>
      <Lines differences={differences.slice(0, LINES)} />
      {more.length > 0 && (
        <details>
          <summary>{more.length} more</summary>
          <Lines differences={more} />
        </details>
      )}
    </>
  );
}

function Lines({ differences }: { differences: readonly Difference[] }) {
  return (
    <ul class="diff">
      {differences.map(({ path, kind, before, after }, i) => (
        <li key={i}>
          <code>{path}</code>
          {kind !== "added" && <del>{line(before)}</del>}
          {kind !== "removed" && <ins>{line(after)}</ins>}
        </li>
      ))}
    </ul>
  );
}

function line(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (text === "") return '""';
  return text.length > 400 ? `${text.slice(0, 400)} …` : text;
}

/** `1 node`, `2 nodes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A number for people. */
export function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(+value.toFixed(2));
}

/** `32 MiB`: what is counted in bytes is asked for in powers of two. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.floor(Math.log2(Math.max(1, value)) / 10);
  const most = Math.min(units.length - 1, power);
  return `${round(value / 1024 ** most)} ${units[most]}`;
}

/** A time of the day, `18:05:33`. */
export function clock(time: Date): string {
  return time.toTimeString().slice(0, 8);
}

/** A day and a time, `2026-11-24 18:05`; Sweden writes them as ISO 8601 does. */
export function stamp(time: Date): string {
  return time.toLocaleString("sv", { dateStyle: "short", timeStyle: "short" });
}

export function seconds(value: number): string {
  if (value < 90) return `${round(value)} s`;
  return value < 5400 ? `${round(value / 60)} min` : `${round(value / 3600)} h`;
}

/** A time that may be short, in seconds. */
export function brief(value: number): string {
  return value < 1 ? `${round(value * 1000)} ms` : seconds(value);
}
