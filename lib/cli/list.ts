import { Client } from "../client/client.ts";
import type { TableCommand } from "./command.ts";
import { Layout } from "./layout.ts";
import { print, tell, terminal } from "./output.ts";
import { reach, whyStale } from "./reach.ts";
import { suggestion } from "../suggest.ts";
import type { Listing, Row } from "./tables/listing.ts";
import { listingOf } from "./tables/mod.ts";
import { shown, yamlOf } from "./texts.ts";

/** Prints a list, once or for as long as there is one. */
export async function list(command: TableCommand): Promise<void> {
  const { base, format, isWatch, onlyTrouble } = command;
  const listing = listingOf(command);
  if (isWatch) {
    const { follow } = await import("./follow.ts");
    return await follow(command, listing);
  }
  const client = new Client(base);
  const [all, stale] = await reach(
    base,
    () => Promise.all([listing.read(client), whyStale(base)]),
  );
  if (stale !== "") tell(`not current: ${stale}`);
  if (all.length === 0) await tellOfNothing(command, client);
  const rows = onlyTrouble ? all.filter(({ isWell }) => !isWell) : all;
  if (rows.length < all.length && rows.length === 0) {
    console.error("all is well");
  }
  print(await linesOf(listing, rows, format));
}

async function linesOf(
  { columns }: Listing,
  rows: readonly Row[],
  format: TableCommand["format"],
): Promise<string[]> {
  switch (format) {
    case "name":
      return shown(rows.map(({ name }) => name));
    case "json":
      return shown([
        JSON.stringify(
          rows.map(({ value }) => value),
          undefined,
          Deno.stdout.isTerminal() ? 2 : undefined,
        ),
      ]);
    case "yaml":
      return shown([await yamlOf(rows.map(({ value }) => value))]);
    case "table":
    case "wide": {
      const width = terminal()?.columns ?? Infinity;
      const layout = new Layout(columns, rows, format === "wide", width);
      return [layout.header(), ...rows.map((row) => layout.line(row))];
    }
  }
}

/** Says on stderr that there is nothing. @throws {Error} when it was asked for by its name */
async function tellOfNothing(
  { name, argument }: TableCommand,
  client: Client,
): Promise<void> {
  if (name === "changes") {
    return console.error("nothing has changed since then");
  }
  if (argument === "") {
    return console.error(
      name === "listeners" ? "nobody listens" : "there is nothing",
    );
  }
  throw new Error(
    `there is nothing that is called "${argument}"${await likeIt(
      name,
      argument,
      client,
    )}`,
  );
}

/** What else may be meant, as far as the caller may know. */
async function likeIt(
  name: TableCommand["name"],
  argument: string,
  client: Client,
): Promise<string> {
  if (name !== "pods" && name !== "find") return "";
  try {
    const apps = await client.get("appswatcher", {});
    return suggestion(argument, Object.keys(apps));
  } catch {
    return "";
  }
}
