/**
 * Runs commands.
 *
 * @module
 */
import { getColorEnabled, setColorEnabled } from "@std/fmt/colors";
import config from "../../deno.json" with { type: "json" };
import type { Command } from "./command.ts";
import { COMPLETE } from "./commands.ts";
import { messageOf, withAddress } from "./connection.ts";
import { print, terminal } from "./output.ts";
import { printable } from "./render.ts";

// Imports further down are not needed by every command.

/**
 * Runs a command.
 *
 * @returns the exit code
 * @throws {Error} with a message of one line that is safe to print
 */
export async function runCommand(command: Command): Promise<number> {
  // NO_COLOR has switched colours off already.
  setColorEnabled(getColorEnabled() && Deno.stdout.isTerminal());
  try {
    return await run(command);
  } catch (error) {
    throw new Error(printable(messageOf(error)));
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
      const { readStatus, renderStatus } = await import("./status.ts");
      const status = await withAddress(
        command.base,
        () => readStatus(command.base),
      );
      const width = terminal()?.columns;
      print(
        width === undefined
          ? [JSON.stringify(status)]
          : renderStatus(status, width),
      );
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
