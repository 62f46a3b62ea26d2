/**
 * Whether what the page shows is current, in words and as the page's icon.
 *
 * @module
 */
import { useEffect, useState } from "preact/hooks";
import type { Overview } from "./live.ts";

export interface ConnectionState {
  /** `lost`: no connection; `failed`: a view cannot be drawn. */
  readonly kind: "connecting" | "current" | "stale" | "lost" | "failed";
  /** The same for as long as the kind is. */
  readonly text: string;
  /** Why it is stale, lost or failed. */
  readonly reason: string;
  /** When what is shown was confirmed, in ms since 1970. */
  readonly confirmed?: number;
}

export function connectionStateOf(
  { isResuming, overview, problem, received, waiting }: Overview,
): ConnectionState {
  const present = overview?.["lainlet/present"];
  const lag = present?.lag ?? 0;
  const confirmed = received && received.getTime() - lag * 1000;
  if (problem !== undefined) {
    const text = "No connection";
    return { kind: "lost", text, reason: problem, confirmed };
  }
  if (present === undefined || isResuming) {
    return { kind: "connecting", text: "Connecting", reason: "", confirmed };
  }
  // Without a connection to the store, what is shown gets older from now on.
  if (present.stale || present.problems.length > 0 || waiting !== undefined) {
    const reason = waiting ?? present.problems.join("; ");
    return { kind: "stale", text: "Stale", reason, confirmed };
  }
  return { kind: "current", text: "Up to date", reason: "", confirmed };
}

/** The state of a page on which a view failed. @param fault why it failed; undefined: none did */
export function withFault(
  state: ConnectionState,
  fault?: string,
): ConnectionState {
  if (fault === undefined || state.kind !== "current") return state;
  return { ...state, kind: "failed", text: "View failed", reason: fault };
}

/** Whether what is shown may be out of date. */
export function isOutdated({ kind }: ConnectionState): boolean {
  return kind === "stale" || kind === "lost";
}

/** The time in ms since 1970, each second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

const WARNING =
  '<path d="M8 1 15.5 15H.5Z" fill="#c62828"/><path d="M8 6v4m0 1.5v2" stroke="#fff" stroke-width="2"/>';

/** Each differs in colour and shape; on 16 by 16. */
const SHAPES: Readonly<Record<ConnectionState["kind"], string>> = {
  connecting:
    '<circle cx="8" cy="8" r="6" fill="none" stroke="#7a828e" stroke-width="3"/>',
  current:
    '<circle cx="8" cy="8" r="7" fill="#1f8a4c"/><path d="M4.5 8.5 7 11l4.5-5.5" fill="none" stroke="#fff" stroke-width="2"/>',
  stale:
    '<path d="M8 1 15.5 15H.5Z" fill="#d97706"/><path d="M8 6v4m0 1.5v2" stroke="#fff" stroke-width="2"/>',
  lost: WARNING,
  failed: WARNING,
};

/** The page's icon, as a data URL. */
export function iconUrl(kind: ConnectionState["kind"]): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${
    SHAPES[kind]
  }</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
