/**
 * Changes of the cluster in sentences: `shop.web.web: release 26 → 27;
 * instance 1 moved from node1 to node2`.
 *
 * @module
 */
import { isObject } from "../json.ts";
import { clockOrTimestamp, plural, shortVersion } from "./format.ts";
import type { Link } from "./mod.ts";

/** A change, as `/v2/changes` has it. */
export interface RecordedChange {
  /** RFC 3339 */
  readonly time: string;
  /** RFC 3339. The change was found by comparing two states: it happened between this time and `time`. */
  readonly earliest?: string;
  readonly revision: number;
  readonly kind: "config" | "depends" | "group" | "node";
  /** `shop/shop.web.web` */
  readonly name: string;
  readonly app?: string;
  readonly change: "added" | "changed" | "removed";
  readonly diff: readonly FieldChange[];
}

/** A difference within a value; that of the whole value has the path `[]`. */
export interface FieldChange {
  readonly path: readonly (string | number)[];
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Text in parts; a part may link somewhere, or be the short form of a text. */
export type RichText = readonly (
  | string
  | Partial<Link> & {
    readonly text: string;
    /** What it is short for. */
    readonly whole?: string;
  }
)[];

/** Clauses in a sentence, at most; the rest is in the entry's diff. */
const MAX_CLAUSES = 6;

/** Describes a change in a sentence. */
export function describeChange(entry: RecordedChange): RichText {
  const { earliest } = entry;
  const sentence = sentenceOf(entry);
  if (earliest === undefined) return sentence;
  const time = clockOrTimestamp(new Date(earliest));
  return [...sentence, ` (some time after ${time})`];
}

function sentenceOf(entry: RecordedChange): RichText {
  const { change, diff, kind, name } = entry;
  const clauses = CLAUSES[kind](entry);
  const subject = SUBJECTS[kind](name);
  if (clauses.length === 0) {
    const isSame = change === "changed" &&
      diff.every(({ path }) => path.at(-1) === "Updated");
    return [...subject, isSame ? " rewritten without a change" : ` ${change}`];
  }
  const more = clauses.length - MAX_CLAUSES;
  return [
    ...subject,
    ": ",
    ...clauses.slice(0, MAX_CLAUSES)
      .flatMap((clause, i) => i === 0 ? clause : ["; ", ...clause]),
    ...more > 0 ? [`; and ${more} more`] : [],
  ];
}

/** A text without its links. */
export function plainText(text: RichText): string {
  return text.map((part) => typeof part === "string" ? part : part.text)
    .join("");
}

const SUBJECTS: Readonly<
  Record<RecordedChange["kind"], (name: string) => RichText>
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
  Record<RecordedChange["kind"], (entry: RecordedChange) => readonly RichText[]>
> = {
  config: configClauses,
  depends: dependsClauses,
  group: groupClauses,
  node: nodeClauses,
};

function configClauses({ change, diff }: RecordedChange): RichText[] {
  if (change === "removed") return [];
  const whole = diff.find(({ path }) => path.length === 0);
  if (whole === undefined) return diff.map(valueClause);
  const after = quoted(whole.after);
  if (change === "added") return [[`set to ${after}`]];
  return [[`${quoted(whole.before)} → ${after}`]];
}

function nodeClauses({ change, diff }: RecordedChange): RichText[] {
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

/** Portals are by node, then by the app that uses them. */
function dependsClauses({ change, diff }: RecordedChange): RichText[] {
  if (change !== "changed") return [];
  const clauses = new Map<string, RichText>();
  for (const { after, before, path } of diff) {
    const [node = "", app] = path.map(String);
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
      clauses.set(`${node} ${app}`, [
        "portal for ",
        { text: app, path: ["app", app] },
        " on ",
        nodeLink(node),
        ` ${what}`,
      ]);
    }
  }
  return [...clauses.values()];
}

/** What changed in a pod. */
interface PodChange {
  /** The pod itself was added or removed. */
  whole?: FieldChange;
  /** By the name of the field. */
  readonly fields: Map<string, FieldChange>;
}

/** What changed in a group: its specification first, then its pods. */
function groupClauses(entry: RecordedChange): RichText[] {
  if (entry.change !== "changed") return wholeGroupClauses(entry);
  const spec = new Map<string, RichText>();
  const pods = new Map<string, PodChange>();
  for (const change of entry.diff) {
    const [list, index, ...rest] = change.path;
    if (list !== "PodInfos" || index === undefined) {
      addClause(spec, groupClause(change));
      continue;
    }
    const instance = instanceOf(change, index);
    const pod: PodChange = pods.get(instance) ?? { fields: new Map() };
    pods.set(instance, pod);
    const field = fieldOf(rest);
    if (rest.length === 0) pod.whole = change;
    else if (SPEC_FIELDS.has(field)) addClause(spec, specClause(rest, change));
    else pod.fields.set(field, change);
  }
  // A release is a clause of the group, and not of each pod.
  if ([...spec.values()].some(([word]) => word === "release ")) {
    for (const { fields } of pods.values()) fields.delete("Version");
  }
  return [...spec.values(), ...podClauses(pods)];
}

function wholeGroupClauses({ change, diff }: RecordedChange): RichText[] {
  const [whole] = diff;
  const { PodInfos } = Object(whole?.after ?? whole?.before);
  const count = Array.isArray(PodInfos) ? PodInfos.length : 0;
  return [[`${change} with ${plural(count, "instance")}`]];
}

function addClause(clauses: Map<string, RichText>, clause?: RichText): void {
  if (clause !== undefined) clauses.set(JSON.stringify(clause), clause);
}

/** A pod's number: in the pod, in the path, or its index in the list. */
function instanceOf(
  { after, before }: FieldChange,
  index: string | number,
): string {
  const { InstanceNo } = Object(after ?? before);
  if (typeof InstanceNo === "number") return String(InstanceNo);
  return typeof index === "number"
    ? String(index + 1)
    : index.replace(/\D/g, "");
}

/** A path within a pod. */
type PodPath = readonly (string | number)[];

function fieldOf([first = "", , field]: PodPath): string {
  return String(first === "ContainerInfos" ? field ?? first : first);
}

/** Fields that the pods of a group have in common, and their names. */
const SPEC_FIELDS: ReadonlyMap<string, string> = new Map([
  ["Annotation", "annotation"],
  ["Command", "command"],
  ["Cpu", "CPU limit"],
  ["Dependencies", "dependencies"],
  ["Env", "environment"],
  ["Expose", "port"],
  ["Image", "image"],
  ["Memory", "memory limit"],
  ["Volumes", "volumes"],
]);

const RELEASE = "LAIN_APP_RELEASE_VERSION=";

function specClause(
  path: PodPath,
  { after, before }: FieldChange,
): RichText | undefined {
  const field = fieldOf(path);
  if (field === "Env") return environmentClause(before, after);
  // Each release has its own image.
  if (field === "Image") return undefined;
  const name = SPEC_FIELDS.get(field) ?? field;
  const value = field === "Memory" ? mebibytes : quoted;
  return path.length > 3 || field === "Annotation"
    ? [`${name} changed`]
    : [`${name} ${value(before)} → ${value(after)}`];
}

function environmentClause(before: unknown, after: unknown): RichText {
  if (![before, after].every((one) => (one ?? "") === String(one ?? ""))) {
    return ["environment changed"];
  }
  const [old, now] = [String(before ?? ""), String(after ?? "")];
  if (!old.startsWith(RELEASE) || !now.startsWith(RELEASE)) {
    return [`environment: ${(now || old).split("=")[0]?.slice(0, MAX_VALUE)}`];
  }
  return [
    "release ",
    shortened(old.slice(RELEASE.length)),
    " → ",
    shortened(now.slice(RELEASE.length)),
  ];
}

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

/** Clauses about pods: pods with the same change share one, and the changes of a pod are joined to one. */
function podClauses(pods: ReadonlyMap<string, PodChange>): RichText[] {
  const alike = new Map<string, { clause: RichText; instances: string[] }>();
  for (const [instance, change] of pods) {
    for (const clause of podChangeClauses(change)) {
      const key = JSON.stringify(clause);
      const same = alike.get(key);
      if (same) same.instances.push(instance);
      else alike.set(key, { clause, instances: [instance] });
    }
  }
  const bySubject = Map.groupBy(
    alike.values(),
    ({ instances }) =>
      `instance${instances.length > 1 ? "s" : ""} ${listed(instances)} `,
  );
  return Array.from(bySubject, ([subject, clauses]) => [
    subject,
    ...clauses.flatMap(({ clause }, i) =>
      joined(clause, clauses[i - 1]?.clause)
    ),
  ]);
}

const WENT = "went ";

/** A clause after another one; of two that begin with "went" the second leaves it out. */
function joined(clause: RichText, last?: RichText): RichText {
  if (last === undefined) return clause;
  const [first, ...rest] = clause;
  const areAlike = [first, last[0]].every((part) =>
    typeof part === "string" && part.startsWith(WENT)
  );
  return areAlike
    ? [` and ${String(first).slice(WENT.length)}`, ...rest]
    : [", ", ...clause];
}

/** `1, 2 and 3` */
function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length > 1
    ? `${names.slice(0, -1).join(", ")} and ${last}`
    : last;
}

function podChangeClauses({ fields, whole }: PodChange): RichText[] {
  if (whole !== undefined) {
    const { after, before } = whole;
    const node = nodeNameOf(after ?? before);
    const on: RichText = node === "" ? [] : [" on ", nodeLink(node)];
    return [[before === undefined ? "added" : "removed", ...on]];
  }
  const pairOf = (field: string) => {
    const change = fields.get(field);
    return change &&
      [String(change.before ?? ""), String(change.after ?? "")] as const;
  };
  const clauses: RichText[] = [];
  const release = pairOf("Version");
  if (release) {
    const [from, to] = release;
    clauses.push([
      "went from release ",
      shortened(from),
      " to ",
      shortened(to),
    ]);
  }
  const restarts = fields.get("Restarts");
  const moved = pairOf("NodeName");
  const address = pairOf("ContainerIp");
  if (moved) {
    const [from, to] = moved;
    clauses.push(["moved from ", nodeLink(from), " to ", nodeLink(to)]);
  } else if (address) clauses.push([addressClause(...address)]);
  if (restarts !== undefined) clauses.push([restartClause(restarts)]);
  else if (!moved && !address && fields.has("ContainerId")) {
    clauses.push(["has a new container"]);
  }
  if (fields.get("OOMKilled")?.after === true) {
    clauses.push(["was killed for memory"]);
  }
  for (
    const [field, names] of [["State", STATES], ["Health", HEALTHS]] as const
  ) {
    const pair = pairOf(field);
    if (pair === undefined) continue;
    const [from, to] = pair.map((name) => names.get(name) ?? name);
    clauses.push([`went from ${from} to ${to}`]);
  }
  const error = pairOf("LastError")?.[1];
  if (error) clauses.push([`has the error ${quoted(error)}`]);
  if (fields.has("ContainerInfos")) clauses.push(["has other containers"]);
  return clauses;
}

/** Clearer words for some of the store's. */
const STATES = new Map([
  ["", "unknown"],
  ["drift", "drifting"],
  ["exit", "exited"],
  ["fail", "failed"],
  ["success", "running"],
]);
const HEALTHS = new Map([["", "unchecked"], ["none", "unchecked"]]);

function addressClause(before: string, after: string): string {
  if (before === "") return `got the address ${after}`;
  if (after === "") return `lost the address ${before}`;
  return `went from ${before} to ${after}`;
}

function restartClause({ after, before }: FieldChange): string {
  const count = Number(after) - Number(before ?? 0);
  const times = count === 1 ? "" : ` ${count} times`;
  return count > 0
    ? `restarted${times} (${after} total)`
    : `has its restart count reset to ${after ?? 0}`;
}

function nodeNameOf(pod: unknown): string {
  const [first] = Object(pod).ContainerInfos ?? [];
  return isObject(first) ? String(first.NodeName ?? "") : "";
}

function nodeLink(name: string): RichText[number] {
  return { text: name, path: ["node", name] };
}

/** A version in its short form. */
function shortened(version: string): RichText[number] {
  return { text: shortVersion(version), whole: version };
}

/** Characters of a value in a sentence, at most. */
const MAX_VALUE = 60;

/** A value of the store, as JSON. */
function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}
