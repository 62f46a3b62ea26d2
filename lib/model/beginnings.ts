/**
 * Since when nodes are not registered, and values are invalid.
 *
 * @module
 */
import type { Data } from "../client/client.ts";
import { type Since, timeOf } from "./health.ts";

/** The present status of lainlet, in the overview. */
export type Present = Data<"overview">["lainlet/present"];

/** @param key `<name>:<ip>:<ssh port>` */
export function registrationOf(key: string): { name: string; ip: string } {
  // The address may hold colons.
  const [, name = key, ip = ""] = /^([^:]*):(.*):[^:]*$/.exec(key) ?? [];
  return { name, ip };
}

/** What lainlet says of when things began, where that time is plausible. */
export function beginnings(
  written: Present["rejectedSince"],
  now: number,
): Map<string, Since> {
  const known = new Map<string, Since>();
  for (const [name, { isAtLeast, time }] of Object.entries(written)) {
    const at = timeOf(time, now);
    if (at !== undefined) known.set(name, { time: at, isAtLeast });
  }
  return known;
}

/** Since when a node is not registered: since it was removed, or for as long as the history goes back. */
export function unregisteredSince(
  { history, unregisteredSince }: Present,
  now: number,
): (name: string) => Since | undefined {
  const removed = new Map<string, Since>();
  for (const [key, since] of beginnings(unregisteredSince, now)) {
    const { name } = registrationOf(key);
    // It may have had several addresses.
    if (since.time > (removed.get(name)?.time ?? 0)) removed.set(name, since);
  }
  const begin = timeOf(history.begin, now);
  const least = begin === undefined
    ? undefined
    : { time: begin, isAtLeast: true };
  return (name) => removed.get(name) ?? least;
}
