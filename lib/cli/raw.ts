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
import { withoutSecrets } from "../model/environment.ts";

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
  const options = { onStatus: statusLogger(command.base) };
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
  const { data, previous } = update;
  const lines = kind === "init"
    ? rendered(redactedState(data, command), render)
    : rendered(differences(previous, data, command), renderDifferences);
  lines.unshift(title);
  return lines;
}

/** A state without its secrets, unless the command is to show them. */
function redactedState(value: unknown, command: RawCommand): unknown {
  if (!isObject(value)) return redactedMember("", value, command);
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, value]) => [name, redactedMember(name, value, command)]),
  );
}

/** A member of a state, as in {@linkcode redactedState}. */
function redactedMember(
  name: string,
  value: unknown,
  { endpoint, showsSecrets }: RawCommand,
): unknown {
  if (showsSecrets) return value;
  const [, prefix] = SETTINGS.find(([name]) => name === endpoint) ?? [];
  return typeof value === "string" && prefix !== undefined &&
      name.startsWith(prefix)
    ? redacted(name.slice(prefix.length), value)
    : withoutSecrets(value);
}

/** Views that contain settings, and the prefix of their names there. */
const SETTINGS = [["configwatcher", ""], ["overview", "config/"]] as const;

/** A value on lines; one that is too long is not aligned. */
function rendered<T>(value: T, render: (value: T) => string[]): string[] {
  const json = JSON.stringify(value);
  return json.length > MAX_RENDERED ? [printable(json)] : render(value);
}

/** What differs: by member, as most members of both are the same objects. */
function differences(previous: unknown, data: unknown, command: RawCommand) {
  if (!isObject(previous) || !isObject(data)) {
    return diff(redactedState(previous, command), redactedState(data, command));
  }
  return changedMembers(previous, data).flatMap(([name, ...values]) => {
    const [before, after] = values
      .map((value) => redactedMember(name, value, command));
    return diff(before, after).map((one) => ({
      ...one,
      path: `${name}  ${one.path}`.trimEnd(),
    }));
  });
}
