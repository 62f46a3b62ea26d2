import { isObject } from "../json.ts";
import { type Clause, type Entry, node, quoted, type Step } from "./entry.ts";
import { plural, shortVersion } from "./words.ts";

/** What changed in a pod group, the most telling first. */
export function groupClauses(entry: Entry): Clause[] {
  if (entry.change !== "changed") return wholeClauses(entry);
  const group = new Map<string, Clause>();
  const pods = new Map<string, Changes>();
  for (const step of entry.diff) {
    const [list, place, ...rest] = step.path;
    if (list === "PodInfos" && place !== undefined) {
      const name = instanceOf(step, place);
      const changes: Changes = pods.get(name) ?? { steps: new Map() };
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

/** What differs in a pod. */
interface Changes {
  /** The pod itself came or went. */
  whole?: Step;
  /** By the name of the field. */
  readonly steps: Map<string, Step>;
}

function addClause(clauses: Map<string, Clause>, clause?: Clause): void {
  if (clause !== undefined) clauses.set(JSON.stringify(clause), clause);
}

/** A pod's number: it is in the path, in the pod, or its place in the list. */
function instanceOf({ after, before }: Step, place: string | number): string {
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

function specClause(rest: Rest, { after, before }: Step): Clause | undefined {
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

function environmentClause(before: unknown, after: unknown): Clause {
  if (![before, after].every((one) => (one ?? "") === String(one ?? ""))) {
    return ["environment changed"];
  }
  const [old, now] = [String(before ?? ""), String(after ?? "")];
  if (!old.startsWith(RELEASE) || !now.startsWith(RELEASE)) {
    return [`environment: ${(now || old).split("=")[0]?.slice(0, 60)}`];
  }
  return [
    "release ",
    version(old.slice(RELEASE.length)),
    " → ",
    version(now.slice(RELEASE.length)),
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

function version(whole: string): Clause[number] {
  return { text: shortVersion(whole), whole };
}

function groupClause({ after, before, path }: Step): Clause | undefined {
  switch (path[0]) {
    case "Instances":
      return [`instances ${quoted(before)} → ${quoted(after)}`];
    case "LastError":
      return after ? [`error ${quoted(after)}`] : undefined;
    default:
      return undefined;
  }
}

/** The same that happened to several pods is said once, and all that happened to one together. */
function podClauses(pods: ReadonlyMap<string, Changes>): Clause[] {
  const said = new Map<string, { clause: Clause; instances: string[] }>();
  for (const [instance, changes] of pods) {
    for (const clause of ofPod(changes)) {
      const key = JSON.stringify(clause);
      const known = said.get(key);
      if (known) known.instances.push(instance);
      else said.set(key, { clause, instances: [instance] });
    }
  }
  const together = Map.groupBy(
    said.values(),
    ({ instances }) =>
      `instance${instances.length > 1 ? "s" : ""} ${listed(instances)} `,
  );
  return Array.from(together, ([who, what]) => [
    who,
    ...what.flatMap(({ clause }, i) => i === 0 ? clause : [", ", ...clause]),
  ]);
}

function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length > 1
    ? `${names.slice(0, -1).join(", ")} and ${last}`
    : last;
}

function ofPod({ steps, whole }: Changes): Clause[] {
  if (whole !== undefined) {
    const { after, before } = whole;
    const at = nodeOf(after ?? before);
    const on: Clause = at === "" ? [] : [" on ", node(at)];
    return [[before === undefined ? "added" : "removed", ...on]];
  }
  const pairOf = (field: string) => {
    const step = steps.get(field);
    return step &&
      [String(step.before ?? ""), String(step.after ?? "")] as const;
  };
  const clauses: Clause[] = [];
  const release = pairOf("Version");
  if (release) {
    const [from, to] = release;
    clauses.push(["went from release ", version(from), " to ", version(to)]);
  }
  const restarts = steps.get("Restarts");
  const moved = pairOf("NodeName");
  const address = pairOf("ContainerIp");
  if (moved) {
    const [from, to] = moved;
    clauses.push(["moved from ", node(from), " to ", node(to)]);
  } else if (address) clauses.push([addressOf(...address)]);
  if (restarts !== undefined) clauses.push([restarted(restarts)]);
  else if (!moved && !address && steps.has("ContainerId")) {
    clauses.push(["has a new container"]);
  }
  if (steps.get("OOMKilled")?.after === true) {
    clauses.push(["was killed for memory"]);
  }
  for (
    const [field, words] of [["State", STATES], ["Health", HEALTHS]] as const
  ) {
    const pair = pairOf(field);
    if (pair === undefined) continue;
    const [from, to] = pair.map((word) => words[word] ?? word);
    clauses.push([`went from ${from} to ${to}`]);
  }
  const error = pairOf("LastError")?.[1];
  if (error) clauses.push([`has the error ${quoted(error)}`]);
  if (steps.has("ContainerInfos")) clauses.push(["has other containers"]);
  return clauses;
}

/** What the store's words mean, where they do not say it themselves. */
const STATES: Readonly<Record<string, string>> = {
  "": "unknown",
  drift: "drifting",
  exit: "exited",
  fail: "failed",
  success: "running",
};
const HEALTHS: Readonly<Record<string, string>> = {
  "": "unchecked",
  none: "unchecked",
};

function addressOf(before: string, after: string): string {
  if (before === "") return `got the address ${after}`;
  if (after === "") return `lost the address ${before}`;
  return `went from ${before} to ${after}`;
}

function restarted({ after, before }: Step): string {
  const count = Number(after) - Number(before ?? 0);
  const times = count === 1 ? "once" : `${count} times`;
  return count > 0
    ? `restarted ${times} (${after} in all)`
    : `had its restarts counted anew`;
}

function nodeOf(pod: unknown): string {
  const [first] = Object(pod).ContainerInfos ?? [];
  return isObject(first) ? String(first.NodeName ?? "") : "";
}

/** A group that came, or went. */
function wholeClauses({ change, diff }: Entry): Clause[] {
  const [whole] = diff;
  const { PodInfos } = Object(whole?.after ?? whole?.before);
  const count = Array.isArray(PodInfos) ? PodInfos.length : 0;
  return [[`${change} with ${plural(count, "instance")}`]];
}
