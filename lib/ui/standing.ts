import { useEffect, useState } from "preact/hooks";
import type { Live } from "./live.ts";

/** Whether what the page shows is the cluster's present state. */
export interface Standing {
  readonly kind: "asking" | "good" | "stale" | "away" | "fault";
  /** The same for as long as the kind is. */
  readonly words: string;
  /** Why it is stale or away, or a fault. */
  readonly why: string;
  /** When what is shown was true for sure, in ms since 1970. */
  readonly trueAt?: number;
}

/** @returns how that is which {@linkcode follow} tells of */
export function standingOf(
  { heard, isResuming, overview, problem, waiting }: Live,
): Standing {
  const present = overview?.["lainlet/present"];
  const lag = present?.lag ?? 0;
  const trueAt = heard && heard.getTime() - lag * 1000;
  if (problem !== undefined) {
    return { kind: "away", words: "no connection", why: problem, trueAt };
  }
  if (present === undefined || isResuming) {
    return { kind: "asking", words: "asking", why: "", trueAt };
  }
  if (present.stale || waiting !== undefined) {
    const why = waiting ?? present.problems.join("; ");
    return { kind: "stale", words: "behind", why, trueAt };
  }
  return { kind: "good", words: "in step", why: "", trueAt };
}

/** The same, but not good while something cannot be shown. @param fault why that is; undefined: all can */
export function withFault(standing: Standing, fault?: string): Standing {
  if (fault === undefined || standing.kind !== "good") return standing;
  return { ...standing, kind: "fault", words: "view failed", why: fault };
}

/** Whether what is shown may be old. */
export function isOld({ kind }: Standing): boolean {
  return kind === "stale" || kind === "away";
}

/** The time in ms since 1970, each second anew. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
