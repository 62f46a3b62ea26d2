/**
 * The program as a client of a lainlet.
 *
 * @module
 */
import { bold, dim, yellow } from "@std/fmt/colors";
import { Client, lineOf, RefusedError, type Update } from "../client/client.ts";
import { changedMembers, diff } from "../client/diff.ts";
import { parseBounded } from "../client/json.ts";
import { isObject, parseExact } from "../json.ts";
import type { Command } from "./command.ts";
import { completions } from "./completions.ts";
import { printable, render, renderDifferences } from "./render.ts";
import { readStatus, renderStatus } from "./status.ts";

/** The longest JSON that is aligned and coloured, in characters: nobody reads more. */
const MAX_RENDERED = 16_000_000;

/**
 * Does what a client is asked to do.
 *
 * @returns the exit code
 * @throws {Error} that says why it cannot, in one line that is safe to print
 */
export async function runCommand(command: Command): Promise<number> {
  try {
    return await run(command);
  } catch (error) {
    throw new Error(printable(why(error)));
  }
}

async function run(command: Command): Promise<number> {
  switch (command.name) {
    case "help":
      print([command.text]);
      return 0;
    case "completions":
      print([completions(command.shell).trimEnd()]);
      return 0;
    case "status": {
      const status = await reach(command.base, () => readStatus(command.base));
      const isTerminal = Deno.stdout.isTerminal();
      print(isTerminal ? renderStatus(status) : [JSON.stringify(status)]);
      return status.ready ? 0 : 1;
    }
    case "get":
      await get(command);
      return 0;
    case "watch":
      await watch(command);
      return 0;
  }
}

type Request = Extract<Command, { name: "get" | "watch" }>;

async function get(
  { base, endpoint, params, isJson }: Request,
): Promise<void> {
  const client = new Client(base);
  const text = await reach(base, async () => {
    const text = await client.text(endpoint, params);
    if (isJson) parseBounded(text, JSON.parse);
    return text;
  });
  if (Deno.stdout.isTerminal()) print(pageOf(text));
  else print([text.trimEnd()]);
}

/** An answer for people, whether it is JSON or not. */
function pageOf(text: string): string[] {
  let value: unknown;
  try {
    value = parseBounded(text, parseExact);
  } catch {
    return text.trimEnd().split("\n").map(printable);
  }
  return shown(value, render);
}

/** Prints states for as long as there are any; says on stderr when it cannot. */
async function watch({ base, endpoint, params }: Request): Promise<void> {
  const client = new Client(base, parseExact);
  const isTerminal = Deno.stdout.isTerminal();
  let told = "";
  const onStatus = ({ problem = "" }: { problem?: string }) => {
    if (problem !== told) {
      tell(problem === "" ? "lainlet answers" : printable(problem));
    }
    told = problem;
  };
  for await (const update of client.watchAny(endpoint, params, { onStatus })) {
    if (update.isAfterGap) tell("there was a gap: what changed in it follows");
    try {
      print(isTerminal ? renderUpdate(update) : [JSON.stringify(update.data)]);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      tell(why(error)); // The next state may be smaller.
    }
  }
}

function renderUpdate({ kind, data, previous }: Update<unknown>): string[] {
  const title = `${dim(time())} ${bold(kind)}`;
  const lines = kind === "init"
    ? shown(data, render)
    : shown(differences(previous, data), renderDifferences);
  lines.unshift(title);
  return lines;
}

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

/** @throws {Error} that names the address, when it is not lainlet that answers there */
async function reach<T>(base: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    throw new Error(`no lainlet answers at ${base}: ${why(error)}`);
  }
}

/** What went wrong, as one line; the engine's own words for what is too much are none. */
function why(error: unknown): string {
  return error instanceof RangeError
    ? "the answer is too large to show"
    : lineOf(error);
}

function tell(line: string): void {
  console.error(yellow(`${time()} ${line}`));
}

function time(): string {
  return new Date().toTimeString().slice(0, 8);
}

/** Prints lines; ends the process when nobody reads them any more. */
function print(lines: readonly string[]): void {
  const bytes = new TextEncoder().encode(lines.join("\n") + "\n");
  try {
    for (let done = 0; done < bytes.length;) {
      done += Deno.stdout.writeSync(bytes.subarray(done));
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    throw error;
  }
}
