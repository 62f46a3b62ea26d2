/**
 * Runs commands.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { UsageError } from "../flags.ts";
import type { Command } from "./command.ts";
import { COMPLETE } from "./commands.ts";
import { messageAt, withAddress } from "./connection.ts";
import { print, startOutput } from "./output.ts";
import { printable } from "./printable.ts";

// Imports further down are not needed by every command.

/**
 * Runs a command.
 *
 * @param term `$TERM`
 * @returns the exit code
 * @throws {UsageError} on wrong use that only the command itself finds
 * @throws {Error} otherwise; each with a message of one line that is safe to print
 */
export async function runCommand(
  command: Command,
  term?: string,
): Promise<number> {
  startOutput(term);
  try {
    return await run(command);
  } catch (error) {
    const base = "base" in command ? command.base : "";
    const line = printable(messageAt(base, error));
    throw error instanceof UsageError ? new UsageError(line) : new Error(line);
  }
}

async function run(command: Command): Promise<number> {
  switch (command.name) {
    case "help":
      print([command.text]);
      return 0;
    case "version":
      print([config.version]);
      return 0;
    case "completions": {
      const { completionScript } = await import("./completions.ts");
      print([completionScript(command.shell).trimEnd()]);
      return 0;
    }
    case COMPLETE: {
      const { complete } = await import("./completions.ts");
      print(await complete(command.words, command.addr));
      return 0;
    }
    case "status": {
      const { readStatus, statusLines } = await import("./status.ts");
      const { base, format, timeout } = command;
      const status = await withAddress(base, () => readStatus(base, timeout));
      print(await statusLines(status, format));
      return status.ready ? 0 : 1;
    }
    case "apis": {
      const { checkApiFile } = await import("./check.ts");
      return await checkApiFile(command);
    }
    case "get":
    case "watch": {
      const raw = await import("./raw.ts");
      await raw[command.name](command);
      return 0;
    }
    default: {
      const { list } = await import("./list.ts");
      await list(command);
      return 0;
    }
  }
}
