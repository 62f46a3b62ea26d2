import { yamlOf } from "../../lib/cli/list.ts";
import { render, renderDifferences } from "../../lib/cli/render.ts";
import { Layout } from "../../lib/cli/table.ts";
import {
  apps,
  changes,
  config,
  find,
  nodes,
  pods,
} from "../../lib/cli/tables.ts";
import { Client } from "../../lib/client/client.ts";
import { diff } from "../../lib/client/diff.ts";
import { modelOf } from "../../lib/model/mod.ts";
import { issuesOf } from "../../lib/model/issues.ts";
import { describeChange } from "../../lib/model/changes.ts";
import { href } from "../../lib/ui/route.ts";

const LISTS = [
  apps(),
  pods(""),
  nodes(),
  changes("", "1h"),
  find("a"),
  config("", false),
];

/** Makes all that the command line and the dashboard show of a lainlet, but the page itself. @throws when something cannot be shown */
export async function show(url: string): Promise<void> {
  const client = new Client(url);
  for (const list of LISTS) {
    const rows = await list.read(client);
    const layout = new Layout(list.columns, rows, false, 80);
    for (const row of rows) layout.line(row);
    await yamlOf(rows.map(({ value }) => value));
  }
  const overview = await client.get("overview", {});
  render(overview);
  const model = modelOf(overview);
  const links = [
    ...issuesOf(model).flatMap(({ all, items, parts }) =>
      [all, ...items, ...parts].map(({ params, path }) => href(path, params))
    ),
    ...[...model.nodes.keys()].map((name) => href(["node", name])),
    ...model.portals.flatMap(({ app, node }) => [
      href(["app", app]),
      href(["node", node]),
    ]),
    ...model.pods.flatMap(({ containers }) =>
      containers.map(({ id, node }) => href(["container", node, id]))
    ),
  ];
  for (const entry of Object.values(await client.get("changes", {}))) {
    for (const part of describeChange(entry)) {
      if (typeof part === "object" && part.path) {
        links.push(href(part.path, part.params));
      }
    }
    for (const { after, before } of entry.diff) {
      renderDifferences(diff(before, after));
    }
  }
  const lost = links.find((link) => !URL.canParse(link, url));
  if (lost !== undefined) throw new Error(`${lost} is no link`);
}
