import { bold, dim } from "@std/fmt/colors";
import type { Update } from "../client/client.ts";
import { changedMembers, diff } from "../client/diff.ts";
import { parseBounded } from "../client/limits.ts";
import { isObject, parseExact } from "../json.ts";
import type { RawCommand } from "./command.ts";
import {
  clientOf,
  messageOf,
  statusLogger,
  withAddress,
} from "./connection.ts";
import { log, print, timeText } from "./output.ts";
import { printable, render, renderDifferences } from "./render.ts";
import { redacted } from "./tables.ts";

/** Length up to which JSON is aligned and coloured, in characters. */
const MAX_RENDERED = 16_000_000;

/** Prints the response of an endpoint. */
export async function get(command: RawCommand): Promise<void> {
  const { base, endpoint, params, isJson } = command;
  const client = clientOf(command);
  const text = await withAddress(base, async () => {
    const text = await client.text(endpoint, params);
    if (isJson) parseBounded(text, JSON.parse);
    return text;
  });
  if (Deno.stdout.isTerminal()) print(linesOf(text, command));
  else print([text.trimEnd()]);
}

/** A response, aligned when it is JSON. */
function linesOf(text: string, command: RawCommand): string[] {
  let value: unknown;
  try {
    value = parseBounded(text, parseExact);
  } catch {
    return text.trimEnd().split("\n").map(printable);
  }
  return rendered(redactedState(value, command), render);
}

/** Prints a view after each change; problems of the connection go to stderr. */
export async function watch(command: RawCommand): Promise<void> {
  const { endpoint, params } = command;
  const client = clientOf(command, parseExact);
  const isTerminal = Deno.stdout.isTerminal();
  const options = { onStatus: statusLogger() };
  for await (const update of client.watchAny(endpoint, params, options)) {
    if (update.isAfterGap) log("there was a gap: what changed in it follows");
    try {
      print(
        isTerminal
          ? renderUpdate(update, command)
          : [JSON.stringify(update.data)],
      );
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      log(messageOf(error)); // The next state may be smaller.
    }
  }
}

function renderUpdate(
  { kind, ...update }: Update<unknown>,
  command: RawCommand,
): string[] {
  const title = `${dim(timeText(new Date()))} ${bold(kind)}`;
  const data = redactedState(update.data, command);
  const lines = kind === "init" ? rendered(data, render) : rendered(
    differences(redactedState(update.previous, command), data),
    renderDifferences,
  );
  lines.unshift(title);
  return lines;
}

/** A state without its secrets, unless the command is to show them. */
function redactedState(
  value: unknown,
  { endpoint, showsSecrets }: RawCommand,
): unknown {
  const [, prefix] = SETTINGS.find(([name]) => name === endpoint) ?? [];
  if (showsSecrets || prefix === undefined || !isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, value]) => [
      name,
      typeof value === "string" && name.startsWith(prefix)
        ? redacted(name.slice(prefix.length), value)
        : value,
    ]),
  );
}

/** Views that contain settings, and the prefix of their names there. */
const SETTINGS = [["configwatcher", ""], ["overview", "config/"]] as const;

/** A value on lines; one that is too long is not aligned. */
function rendered<T>(value: T, render: (value: T) => string[]): string[] {
  const json = JSON.stringify(value);
  return json.length > MAX_RENDERED ? [printable(json)] : render(value);
}

/** What differs: by member, as most members of both are the same objects. */
function differences(previous: unknown, data: unknown) {
  if (!isObject(previous) || !isObject(data)) return diff(previous, data);
  return changedMembers(previous, data).flatMap(([name, before, after]) =>
    diff(before, after).map((one) => ({
      ...one,
      path: `${name}  ${one.path}`.trimEnd(),
    }))
  );
}
