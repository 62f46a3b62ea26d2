/**
 * The tables that the command line prints.
 *
 * @module
 */
import type { TableCommand } from "../command.ts";
import { apps } from "./apps.ts";
import { changes } from "./changes.ts";
import { config } from "./config.ts";
import { find } from "./find.ts";
import type { Listing } from "./listing.ts";
import { listeners } from "./listeners.ts";
import { nodes } from "./nodes.ts";
import { pods } from "./pods.ts";

/** What a command is about. */
export function listingOf(command: TableCommand): Listing {
  const { name, argument, showsSecrets } = command;
  switch (name) {
    case "apps":
      return apps();
    case "pods":
      return pods(argument);
    case "nodes":
      return nodes();
    case "listeners":
      return listeners();
    case "changes":
      return changes(argument, command.since);
    case "find":
      return find(argument);
    case "config":
      return config(argument, !showsSecrets && Deno.stdout.isTerminal());
  }
}
