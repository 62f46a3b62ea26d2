import { bold, dim } from "@std/fmt/colors";
import { Client, type Update } from "../client/client.ts";
import { changedMembers, diff } from "../client/diff.ts";
import { parseBounded } from "../client/limits.ts";
import { isObject, parseExact } from "../json.ts";
import type { RawCommand } from "./command.ts";
import { print, tell, time } from "./output.ts";
import { reach, telling, why } from "./reach.ts";
import { printable, render, renderDifferences } from "./render.ts";
import { hidden } from "./tables/config.ts";

/** The longest JSON that is aligned and coloured, in characters: nobody reads more. */
const MAX_RENDERED = 16_000_000;

/** Prints an endpoint's answer. */
export async function get(command: RawCommand): Promise<void> {
  const { base, endpoint, params, isJson } = command;
  const client = new Client(base);
  const text = await reach(base, async () => {
    const text = await client.text(endpoint, params);
    if (isJson) parseBounded(text, JSON.parse);
    return text;
  });
  if (Deno.stdout.isTerminal()) print(pageOf(text, command));
  else print([text.trimEnd()]);
}

/** An answer for people, whether it is JSON or not. */
function pageOf(text: string, command: RawCommand): string[] {
  let value: unknown;
  try {
    value = parseBounded(text, parseExact);
  } catch {
    return text.trimEnd().split("\n").map(printable);
  }
  return shown(forEyes(value, command), render);
}

/** Prints states for as long as there are any; says on stderr when it cannot. */
export async function watch(command: RawCommand): Promise<void> {
  const { base, endpoint, params } = command;
  const client = new Client(base, parseExact);
  const isTerminal = Deno.stdout.isTerminal();
  const options = { onStatus: telling() };
  for await (const update of client.watchAny(endpoint, params, options)) {
    if (update.isAfterGap) tell("there was a gap: what changed in it follows");
    try {
      print(
        isTerminal
          ? renderUpdate(update, command)
          : [JSON.stringify(update.data)],
      );
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      tell(why(error)); // The next state may be smaller.
    }
  }
}

function renderUpdate(
  { kind, ...update }: Update<unknown>,
  command: RawCommand,
): string[] {
  const title = `${dim(time())} ${bold(kind)}`;
  const data = forEyes(update.data, command);
  const lines = kind === "init" ? shown(data, render) : shown(
    differences(forEyes(update.previous, command), data),
    renderDifferences,
  );
  lines.unshift(title);
  return lines;
}

/** A state with its secrets hidden: over a shoulder a terminal is read, too. */
function forEyes(
  value: unknown,
  { endpoint, showsSecrets }: RawCommand,
): unknown {
  const [, prefix] = SETTINGS.find(([name]) => name === endpoint) ?? [];
  if (showsSecrets || prefix === undefined || !isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, value]) => [
      name,
      typeof value === "string" && name.startsWith(prefix)
        ? hidden(name.slice(prefix.length), value)
        : value,
    ]),
  );
}

/** The views that hold settings, and what their names begin with there. */
const SETTINGS = [["configwatcher", ""], ["overview", "config/"]] as const;

/** A value for people, or as it is when it is too long for them. */
function shown<T>(value: T, render: (value: T) => string[]): string[] {
  const json = JSON.stringify(value);
  return json.length > MAX_RENDERED ? [printable(json)] : render(value);
}

/** What differs, by member where both have members: most of these are the same objects. */
function differences(previous: unknown, data: unknown) {
  if (!isObject(previous) || !isObject(data)) return diff(previous, data);
  return changedMembers(previous, data).flatMap(([name, before, after]) =>
    diff(before, after).map((one) => ({
      ...one,
      path: `${name}  ${one.path}`.trimEnd(),
    }))
  );
}
