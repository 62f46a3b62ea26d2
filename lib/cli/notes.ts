import { type Client, RefusedError } from "../client/client.ts";
import { modelOf } from "../model/mod.ts";
import { similarQuery } from "../model/search.ts";
import { suggestion } from "../suggest.ts";
import type { TableCommand } from "./command.ts";
import { historyNotes } from "./history.ts";
import type { Row } from "./table.ts";

/**
 * What is to be said of the rows of a table, or that there are none: a line
 * each.
 *
 * @throws {Error} when an argument names nothing
 */
export async function notesOn(
  { name, argument, node, since }: TableCommand,
  client: Client,
  { length }: readonly Row[],
): Promise<string[]> {
  if (name === "changes") {
    if (length === 0 && argument !== "") await requireApp(client, argument);
    return await historyNotes(client, since, length > 0);
  }
  if (length > 0) return [];
  if (node !== "") {
    if (argument !== "") await requireApp(client, argument);
    await requireNode(client, node);
    return [`no pods${argument === "" ? "" : ` of ${argument}`} on ${node}`];
  }
  if (argument === "") return [`no ${name}`];
  switch (name) {
    case "find":
      throw new Error(
        `not found: "${argument}"${await similarWords(client, argument)}`,
      );
    case "nodes":
      throw notFound(argument, (await nodesOf(client)).keys());
    case "pods":
      throw notFound(argument, await appsOf(client));
    default:
      throw notFound(argument, []);
  }
}

/** Ends the message about words that find nothing. */
async function similarWords(client: Client, words: string): Promise<string> {
  const overview = await unlessRefused(client.get("overview", {}));
  if (overview === undefined) return "";
  const similar = similarQuery(modelOf(overview), words);
  return similar === undefined ? "" : `; did you mean ${similar}?`;
}

/** @throws {Error} when neither an app nor a service has this name, as far as the caller may know */
export async function requireApp(
  client: Client,
  argument: string,
): Promise<void> {
  const app = argument.replace(/\/$/, "");
  const apps = await appsOf(client);
  if (app === "*" || apps.length === 0 || apps.includes(app)) return;
  const services = await client.get("depends", { target: `${app}.` });
  if (Object.keys(services).length === 0) throw notFound(argument, apps);
}

/** @throws {Error} when no node has this name, as far as the caller may know */
async function requireNode(client: Client, node: string): Promise<void> {
  const nodes = await nodesOf(client);
  if (nodes.size === 0 || nodes.has(node)) return;
  const [name] = [...nodes].find(([, ip]) => ip === node) ?? [];
  throw name === undefined
    ? notFound(node, nodes.keys())
    : new Error(`not found: "${node}"; that is the address of ${name}`);
}

function notFound(word: string, known: Iterable<string>): Error {
  return new Error(`not found: "${word}"${suggestion(word, known)}`);
}

/** The apps; none when the caller may not know. */
async function appsOf(client: Client): Promise<string[]> {
  return Object.keys(await unlessRefused(client.get("appswatcher", {})) ?? {});
}

/** The addresses of nodes, by name; none when the caller may not know. */
async function nodesOf(client: Client): Promise<Map<string, string>> {
  const nodes = await unlessRefused(client.get("nodes", {})) ?? {};
  return new Map(
    Object.keys(nodes).map((key) => {
      const [, name = "", ip = ""] = /^([^:]*):(.*):[^:]*$/.exec(key) ?? [];
      return [name, ip];
    }),
  );
}

/** A response; undefined when it is refused. */
async function unlessRefused<T>(response: Promise<T>): Promise<T | undefined> {
  try {
    return await response;
  } catch (error) {
    if (error instanceof RefusedError) return undefined;
    throw error;
  }
}
