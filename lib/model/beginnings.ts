/**
 * Since when nodes are not registered or overcommitted, values are invalid, and
 * lainlet reports errors.
 *
 * @module
 */
import type { Data } from "../client/client.ts";
import type { Resource } from "./format.ts";
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
  written: Readonly<Partial<Present["rejectedSince"]>>,
  now: number,
): Map<string, Since> {
  const known = new Map<string, Since>();
  for (
    const [name, { isAtLeast = false, time } = {}] of Object.entries(written)
  ) {
    const at = timeOf(time, now);
    if (at !== undefined) known.set(name, { time: at, isAtLeast });
  }
  return known;
}

/** Since when more of a resource is reserved than there is. */
export type OvercommittedSince = Readonly<Partial<Record<Resource, Since>>>;

/** Since when a node is overcommitted, by its name. */
export function overcommittedSince(
  { overcommittedSince }: Present,
  now: number,
): (name: string) => OvercommittedSince {
  return (name) =>
    Object.hasOwn(overcommittedSince, name)
      ? Object.fromEntries(beginnings(overcommittedSince[name] ?? {}, now))
      : {};
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
