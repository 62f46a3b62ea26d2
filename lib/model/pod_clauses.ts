import { isObject } from "../json.ts";
import {
  type FieldChange,
  nodeLink,
  quoted,
  type RichText,
  shortened,
} from "./entry.ts";

/** What differs in a pod. */
export interface PodChanges {
  /** The pod itself came or went. */
  whole?: FieldChange;
  /** By the name of the field. */
  readonly steps: Map<string, FieldChange>;
}

/**
 * What changed in the pods of a group. The same that happened to several pods
 * is said once, and all that happened to one together.
 *
 * @param pods by their numbers
 */
export function podClauses(pods: ReadonlyMap<string, PodChanges>): RichText[] {
  const said = new Map<string, { clause: RichText; instances: string[] }>();
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
    ...what.flatMap(({ clause }, i) => joined(clause, what[i - 1]?.clause)),
  ]);
}

const WENT = "went ";

/** A clause behind the one before it; who went from one to another may go on so. */
function joined(clause: RichText, last?: RichText): RichText {
  if (last === undefined) return clause;
  const [first, ...rest] = clause;
  const goesOn = [first, last[0]].every((part) =>
    typeof part === "string" && part.startsWith(WENT)
  );
  return goesOn
    ? [` and ${String(first).slice(WENT.length)}`, ...rest]
    : [", ", ...clause];
}

function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length > 1
    ? `${names.slice(0, -1).join(", ")} and ${last}`
    : last;
}

function ofPod({ steps, whole }: PodChanges): RichText[] {
  if (whole !== undefined) {
    const { after, before } = whole;
    const at = nodeOf(after ?? before);
    const on: RichText = at === "" ? [] : [" on ", nodeLink(at)];
    return [[before === undefined ? "added" : "removed", ...on]];
  }
  const pairOf = (field: string) => {
    const step = steps.get(field);
    return step &&
      [String(step.before ?? ""), String(step.after ?? "")] as const;
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
  const restarts = steps.get("Restarts");
  const moved = pairOf("NodeName");
  const address = pairOf("ContainerIp");
  if (moved) {
    const [from, to] = moved;
    clauses.push(["moved from ", nodeLink(from), " to ", nodeLink(to)]);
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

function restarted({ after, before }: FieldChange): string {
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
