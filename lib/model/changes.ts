/**
 * What changed, as one would say it: `shop.web.web: release 26 → 27;
 * instance 1 moved from node1 to node2`.
 *
 * @module
 */
import { isObject } from "../json.ts";
import { groupClauses } from "./group_changes.ts";
import {
  type FieldChange,
  type HistoryEntry,
  nodeLink,
  quoted,
  type RichText,
} from "./entry.ts";

/** A sentence in parts, some of which lead somewhere. */
export function describeChange(entry: HistoryEntry): RichText {
  const { change, diff, kind, name } = entry;
  const clauses = CLAUSES[kind](entry);
  const subject = SUBJECTS[kind](name);
  if (clauses.length === 0) {
    const isSame = diff.every(({ path }) => path.at(-1) === "Updated");
    return [
      ...subject,
      change === "changed" && isSame
        ? " was written again, as it was"
        : ` ${change}`,
    ];
  }
  const more = clauses.length - MOST;
  return [
    ...subject,
    ": ",
    ...clauses.slice(0, MOST)
      .flatMap((clause, i) => i === 0 ? clause : ["; ", ...clause]),
    ...more > 0 ? [`; and ${more} more`] : [],
  ];
}

/** How much is said of a change; the rest is in its diff. */
const MOST = 6;

/** The same without links. */
export function plainText(clause: RichText): string {
  return clause.map((part) => typeof part === "string" ? part : part.text)
    .join("");
}

const SUBJECTS: Readonly<
  Record<HistoryEntry["kind"], (name: string) => RichText>
> = {
  config: (name) => [{ text: name, path: ["config"], params: { q: name } }],
  depends: (name) => [name],
  group(name) {
    const [app = "", group = name] = name.split("/");
    return [{ text: group, path: ["app", app] }];
  },
  node: (name) => [nodeLink(name.split(":")[0] ?? name)],
};

const CLAUSES: Readonly<
  Record<HistoryEntry["kind"], (entry: HistoryEntry) => readonly RichText[]>
> = {
  config: configClauses,
  depends: dependsClauses,
  group: groupClauses,
  node: nodeClauses,
};

function configClauses({ change, diff }: HistoryEntry): RichText[] {
  if (change === "removed") return [];
  const whole = diff.find(({ path }) => path.length === 0);
  if (whole === undefined) return diff.map(valueClause);
  const after = quoted(whole.after);
  if (change === "added") return [[`set to ${after}`]];
  return [[`${quoted(whole.before)} → ${after}`]];
}

function nodeClauses({ change, diff }: HistoryEntry): RichText[] {
  if (change === "added") return [["joined the cluster"]];
  if (change === "removed") return [["left the cluster"]];
  return diff.map(valueClause);
}

/** `labels.zone "b" → "c"` */
function valueClause({ after, before, path }: FieldChange): RichText {
  const name = path.join(".");
  if (before === undefined) return [`${name} set to ${quoted(after)}`];
  if (after === undefined) return [`${name} removed`];
  return [`${name} ${quoted(before)} → ${quoted(after)}`];
}

/** Portals are by node, and by the app that they are for. */
function dependsClauses({ change, diff }: HistoryEntry): RichText[] {
  if (change !== "changed") return [];
  const told = new Map<string, RichText>();
  for (const { after, before, path } of diff) {
    const [at, app] = path.map(String);
    const apps = app === undefined
      ? Object.keys(Object(isObject(after) ? after : before))
      : [app];
    const what =
      path.length > 2 || (before !== undefined && after !== undefined)
        ? "changed"
        : before === undefined
        ? "added"
        : "removed";
    for (const app of apps) {
      told.set(`${at} ${app}`, [
        "portal for ",
        { text: app, path: ["app", app] },
        " on ",
        nodeLink(at ?? ""),
        ` ${what}`,
      ]);
    }
  }
  return [...told.values()];
}
