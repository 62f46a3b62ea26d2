/**
 * The program as a client of a lainlet.
 *
 * @module
 */
import { bold, dim, yellow } from "@std/fmt/colors";
import { Client, type Update } from "../client/client.ts";
import { changedMembers, diff } from "../client/diff.ts";
import { isObject, parseExact } from "../json.ts";
import type { Command } from "./command.ts";
import { completions } from "./completions.ts";
import { render, renderDifferences } from "./render.ts";
import { readStatus, renderStatus } from "./status.ts";

/**
 * Does what a client is asked to do.
 *
 * @returns the exit code
 * @throws {Error} that says why it cannot
 */
export async function runCommand(command: Command): Promise<number> {
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

async function get({ base, endpoint, params }: Request): Promise<void> {
  const client = new Client(base);
  const text = await reach(base, () => client.text(endpoint, params));
  const value = Deno.stdout.isTerminal() ? parsed(text) : undefined;
  print(value === undefined ? [text.trimEnd()] : render(value));
}

/** A text that is JSON; undefined when it is not. */
function parsed(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

/** Prints states for as long as there are any; says on stderr when it cannot. */
async function watch({ base, endpoint, params }: Request): Promise<void> {
  const client = new Client(base, parseExact);
  const isTerminal = Deno.stdout.isTerminal();
  let told = "";
  const onStatus = ({ problem = "" }: { problem?: string }) => {
    if (problem !== told) {
      tell(problem === "" ? "lainlet answers" : problem);
    }
    told = problem;
  };
  for await (const update of client.watchAny(endpoint, params, { onStatus })) {
    if (update.isAfterGap) tell("there was a gap: what changed in it follows");
    print(isTerminal ? renderUpdate(update) : [JSON.stringify(update.data)]);
  }
}

function renderUpdate({ kind, data, previous }: Update<unknown>): string[] {
  const title = `${dim(time())} ${bold(kind)}`;
  if (kind === "init") return [title, ...render(data)];
  return [title, ...renderDifferences(differences(previous, data))];
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

/** @throws {Error} that names the address, when nobody is there */
async function reach<T>(base: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Error(`no lainlet answers at ${base}: ${error.message}`);
  }
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
