/// <reference lib="dom" />
/**
 * How things are: in words, and with a shape, so that it is seen without
 * colours too.
 *
 * @module
 */
import { useEffect, useState } from "preact/hooks";
import { type Health, problemText } from "../model/health.ts";
import type { Pod } from "../model/groups.ts";
import { type Reservation, reservedShare } from "../model/nodes.ts";
import { href } from "./route.ts";
import {
  ago,
  reservedText,
  shortVersion,
  type UNITS,
} from "../model/format.ts";
import "./marks.css";

export type Look = "good" | "bad" | "off";

export function lookOf({ isStopped, problems }: Health): Look {
  if (isStopped) return "off";
  return problems.length > 0 ? "bad" : "good";
}

/** How it is, in the store's words where it says nothing bad. */
export function stateText(of: Health): string {
  const { health, isStopped, state } = of;
  if (isStopped) return state === "paused" ? "paused" : "stopped";
  const said = [
    state === "success" ? "" : state,
    health === "none" ? "" : health,
  ].filter((word) => word !== "").join(", ");
  return problemText(of) || said || "well";
}

export function StateMark({ of }: { of: Health }) {
  return <Mark look={lookOf(of)} text={stateText(of)} />;
}

export function Mark({ look, text }: { look: Look; text: string }) {
  return <span class={`mark ${look}`}>{text}</span>;
}

export function PodLink({ pod }: { pod: Pod }) {
  const { app, containers: [first], group, instance } = pod;
  const path = first ? ["container", first.node, first.id] : ["app", app];
  return <a href={href(path)}>{group} {instance}</a>;
}

/** A version as one can tell it; the whole of it under the pointer. */
export function Version({ version }: { version: string }) {
  return <span class="mono" title={version}>{shortVersion(version)}</span>;
}

/** How often it is said anew how long ago something was, in ms. */
const TICK = 10_000;

/** How long ago a time was, in ms since 1970. */
export function Ago({ time }: { time?: number }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), TICK);
    return () => clearInterval(timer);
  }, []);
  if (time === undefined) return <span class="dim">–</span>;
  const date = new Date(time);
  return (
    <time dateTime={date.toISOString()} title={date.toLocaleString("sv")}>
      {ago(Date.now() - time)}
    </time>
  );
}

/** How much of a node may be used: as a bar, and in words. */
export function Bar(
  { load, unit }: { load: Reservation; unit: keyof typeof UNITS },
) {
  const part = reservedShare(load);
  const text = reservedText(load, unit);
  return (
    <span class={part > 1 ? "load over" : "load"} title={`${unit}: ${text}`}>
      <span class="load-name">{unit}</span>
      <span class="bar" aria-hidden="true">
        <i style={{ width: `${Math.min(100, part * 100)}%` }} />
      </span>
      <span class="load-text">{text}</span>
    </span>
  );
}
