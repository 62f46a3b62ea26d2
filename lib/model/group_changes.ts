import {
  type FieldChange,
  type HistoryEntry,
  quoted,
  type RichText,
  shortened,
} from "./entry.ts";
import { type PodChanges, podClauses } from "./pod_clauses.ts";
import { plural } from "./format.ts";

/** What changed in a pod group, the most telling first. */
export function groupClauses(entry: HistoryEntry): RichText[] {
  if (entry.change !== "changed") return wholeClauses(entry);
  const group = new Map<string, RichText>();
  const pods = new Map<string, PodChanges>();
  for (const step of entry.diff) {
    const [list, place, ...rest] = step.path;
    if (list === "PodInfos" && place !== undefined) {
      const name = instanceOf(step, place);
      const changes: PodChanges = pods.get(name) ?? { steps: new Map() };
      pods.set(name, changes);
      if (rest.length === 0) changes.whole = step;
      else if (!isOfSpec(rest)) changes.steps.set(fieldOf(rest), step);
      else addClause(group, specClause(rest, step));
    } else addClause(group, groupClause(step));
  }
  const isReleased = [...group.values()].some(([word]) => word === "release ");
  // Then it is said of the group.
  if (isReleased) {
    for (const { steps } of pods.values()) steps.delete("Version");
  }
  return [...group.values(), ...podClauses(pods)];
}

function addClause(clauses: Map<string, RichText>, clause?: RichText): void {
  if (clause !== undefined) clauses.set(JSON.stringify(clause), clause);
}

/** A pod's number: it is in the path, in the pod, or its place in the list. */
function instanceOf(
  { after, before }: FieldChange,
  place: string | number,
): string {
  const { InstanceNo } = Object(after ?? before);
  if (typeof InstanceNo === "number") return String(InstanceNo);
  return typeof place === "number"
    ? String(place + 1)
    : place.replace(/\D/g, "");
}

type Rest = readonly (string | number)[];

function fieldOf(rest: Rest): string {
  const [first = "", , field] = rest;
  return String(first === "ContainerInfos" ? field ?? first : first);
}

/** Fields that a group's pods have in common. */
const OF_SPEC = new Set(
  "Annotation Command Cpu Dependencies Env Expose Image Memory Volumes".split(
    " ",
  ),
);

function isOfSpec(rest: Rest): boolean {
  return OF_SPEC.has(fieldOf(rest));
}

const RELEASE = "LAIN_APP_RELEASE_VERSION=";

function specClause(
  rest: Rest,
  { after, before }: FieldChange,
): RichText | undefined {
  const field = fieldOf(rest);
  if (field === "Env") return environmentClause(before, after);
  // The release's own: it is told by that.
  if (field === "Image") return undefined;
  const word = WORDS[field] ?? field;
  const value = field === "Memory" ? mebibytes : quoted;
  return rest.length > 3 || field === "Annotation"
    ? [`${word} changed`]
    : [`${word} ${value(before)} → ${value(after)}`];
}

function environmentClause(before: unknown, after: unknown): RichText {
  if (![before, after].every((one) => (one ?? "") === String(one ?? ""))) {
    return ["environment changed"];
  }
  const [old, now] = [String(before ?? ""), String(after ?? "")];
  if (!old.startsWith(RELEASE) || !now.startsWith(RELEASE)) {
    return [`environment: ${(now || old).split("=")[0]?.slice(0, 60)}`];
  }
  return [
    "release ",
    shortened(old.slice(RELEASE.length)),
    " → ",
    shortened(now.slice(RELEASE.length)),
  ];
}

const WORDS: Readonly<Record<string, string>> = {
  Annotation: "annotation",
  Command: "command",
  Cpu: "CPU limit",
  Dependencies: "dependencies",
  Expose: "port",
  Memory: "memory limit",
  Volumes: "volumes",
};

function mebibytes(value: unknown): string {
  return typeof value === "number"
    ? `${Math.round(value / 2 ** 20)} MiB`
    : "none";
}

function groupClause(
  { after, before, path }: FieldChange,
): RichText | undefined {
  switch (path[0]) {
    case "Instances":
      return [`instances ${quoted(before)} → ${quoted(after)}`];
    case "LastError":
      return after ? [`error ${quoted(after)}`] : undefined;
    default:
      return undefined;
  }
}

/** A group that came, or went. */
function wholeClauses({ change, diff }: HistoryEntry): RichText[] {
  const [whole] = diff;
  const { PodInfos } = Object(whole?.after ?? whole?.before);
  const count = Array.isArray(PodInfos) ? PodInfos.length : 0;
  return [[`${change} with ${plural(count, "instance")}`]];
}
