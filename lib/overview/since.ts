/**
 * Since when groups and pods are in trouble. The store says when a condition
 * was last written, which may be later: lainlet remembers when each part of it
 * changed.
 *
 * @module
 */
import type { Cluster } from "../watcher/cluster.ts";
import type { Condition } from "../watcher/condition.ts";
import type { Pod, PodGroup } from "../watcher/podgroup.ts";
import type { Change } from "../watcher/watcher.ts";
import type { ChangeLog } from "./change_log.ts";
import {
  type Beginning,
  type Field,
  type RecordedGroup,
  recordedGroups,
} from "./recorded_since.ts";
import { wantedVersion } from "./values.ts";

type Beginnings = ReadonlyMap<Field, Beginning>;

/** Beginnings of a group and of its pods, in their order. */
interface GroupBeginnings {
  readonly group: Beginnings;
  readonly pods: readonly Beginnings[];
}

/** Times in RFC 3339 by field. */
export type Times = Partial<Record<Field, string>>;

/** Beginnings that differ from the time of the last update. */
export interface SinceTimes {
  readonly since?: Times;
  readonly atLeastSince?: Times;
}

/** Of each value as long as it exists; parsed values are never changed. */
const known = new WeakMap<PodGroup, GroupBeginnings>();

/**
 * Records the beginnings from now on.
 *
 * @param log what it remembers of the time before a restart counts for the first read
 */
export function followBeginnings(
  { podgroup }: Cluster,
  log: Pick<ChangeLog, "history" | "records">,
): void {
  podgroup.subscribe("derived", (changes, _readAt, earliest) => {
    // When it began is not known if that was not seen.
    const isLive = podgroup.isSynced && earliest === undefined;
    const now = Date.now();
    let recorded: ReturnType<typeof recordedGroups> | undefined;
    const recordedGroup = (key: string) => {
      recorded ??= recordedGroups(log);
      return recorded(key);
    };
    for (const change of changes) {
      record(change, { isLive, now, recordedGroup });
    }
  });
}

function record(
  { key, value, previous }: Change<PodGroup>,
  { isLive, now, recordedGroup }: {
    readonly isLive: boolean;
    readonly now: number;
    readonly recordedGroup: (key: string) => RecordedGroup;
  },
): void {
  if (value === undefined) return;
  let recorded: RecordedGroup | undefined;
  const beginning: RecordedGroup["beginning"] = (...args) => {
    if (isLive || previous !== undefined) return undefined;
    recorded ??= recordedGroup(key);
    return recorded.beginning(...args);
  };
  const last = previous && known.get(previous);
  const oldIndex = new Map(
    previous?.pods.map(({ instanceNo }, i) => [instanceNo, i]),
  );
  const moment = { isLive, now, beginning };
  known.set(value, {
    group: beginningsOf(
      { trouble: groupTrouble(value), updated: value.updated },
      previous && {
        trouble: groupTrouble(previous),
        updated: previous.updated,
        beginnings: last?.group,
      },
      moment,
    ),
    pods: value.pods.map((pod, i) => {
      const index = oldIndex.get(pod.instanceNo);
      const old = index === undefined ? undefined : previous?.pods[index];
      return beginningsOf(
        { trouble: podTrouble(value, pod), updated: pod.updated, pod, i },
        previous && old && index !== undefined
          ? {
            trouble: podTrouble(previous, old),
            updated: old.updated,
            pod: old,
            beginnings: last?.pods[index],
          }
          : undefined,
        moment,
      );
    }),
  });
}

/** A group or a pod. */
interface Subject {
  /** What may be wrong with it, and the values of that. */
  readonly trouble: ReadonlyMap<Field, unknown>;
  readonly updated: string | undefined;
  readonly pod?: Pod;
  /** Index of the pod in its group. */
  readonly i?: number;
}

const NONE: Beginnings = new Map();

function beginningsOf(
  subject: Subject,
  old: Subject & { readonly beginnings?: Beginnings } | undefined,
  { beginning, isLive, now }: {
    readonly isLive: boolean;
    readonly now: number;
    readonly beginning: RecordedGroup["beginning"];
  },
): Beginnings {
  const { trouble, updated, pod, i } = subject;
  const restarts = restartsSeen(pod, old?.pod) && isLive
    ? { time: now, isAtLeast: false }
    : pod && old?.beginnings?.get("Restarts");
  if (trouble.size === 0 && restarts === undefined) return NONE;
  const time = Date.parse(updated ?? "");
  const isPlausible = time <= now;
  const beginnings = new Map<Field, Beginning>();
  if (restarts !== undefined) beginnings.set("Restarts", restarts);
  for (const [field, value] of trouble) {
    const same = old?.trouble.get(field) === value
      ? old?.beginnings?.get(field)
      : undefined;
    // A change that was written with its own time is as old as that.
    const isWritten = isPlausible && (!isLive || updated !== old?.updated);
    beginnings.set(
      field,
      same ?? beginning(i, field, time) ?? (isWritten
        // A group is written for other reasons, too.
        ? { time, isAtLeast: !isLive && pod === undefined }
        : { time: now, isAtLeast: !isLive }),
    );
  }
  return beginnings;
}

/** Whether a pod was restarted between two values, and the store does not say when. */
function restartsSeen(pod: Pod | undefined, old: Pod | undefined): boolean {
  const { restarts = 0, restarted } = pod?.condition ?? {};
  return old !== undefined && restarts > (old.condition.restarts ?? 0) &&
    (restarted === undefined || restarted === old.condition.restarted);
}

function conditionTrouble(
  { error, health, state }: Condition,
): Map<Field, unknown> {
  const trouble = new Map<Field, unknown>();
  if (error !== undefined) trouble.set("LastError", error);
  if (health === "starting" || health === "unhealthy") {
    trouble.set("Health", health);
  }
  if (state !== undefined && state !== "success") trouble.set("State", state);
  return trouble;
}

function groupTrouble({ condition, instances = 0, pods }: PodGroup) {
  const trouble = conditionTrouble(condition);
  if (pods.length < instances) trouble.set("Pods", true);
  return trouble;
}

const NOTHING: ReadonlyMap<Field, unknown> = new Map();

function podTrouble(
  group: PodGroup,
  pod: Pod,
): ReadonlyMap<Field, unknown> {
  const { condition, containers: [first] } = pod;
  if (condition.target === "stop") return NOTHING;
  const trouble = conditionTrouble(condition);
  if (!first?.ip) trouble.set("Address", "");
  if (condition.oom) trouble.set("OOMKilled", true);
  const wanted = wantedVersion(group, pod);
  if (wanted !== undefined) {
    trouble.set("Version", `${first?.version} ${wanted}`);
  }
  return trouble;
}

/** Since when a group is in trouble. */
export function groupSince(group: PodGroup): SinceTimes {
  return timesOf(known.get(group)?.group, group.updated);
}

/** Since when a pod is in trouble. @param index of the pod in its group */
export function podSince(group: PodGroup, index: number): SinceTimes {
  return timesOf(
    known.get(group)?.pods[index],
    group.pods[index]?.updated,
  );
}

function timesOf(
  beginnings: Beginnings = NONE,
  updated: string | undefined,
): SinceTimes {
  if (beginnings.size === 0) return {};
  const written = Date.parse(updated ?? "");
  const since: Times = {};
  const atLeastSince: Times = {};
  for (const [field, { isAtLeast, time }] of beginnings) {
    if (time === written && !isAtLeast) continue;
    const times = isAtLeast ? atLeastSince : since;
    times[field] = new Date(time).toISOString();
  }
  return {
    since: isEmpty(since) ? undefined : since,
    atLeastSince: isEmpty(atLeastSince) ? undefined : atLeastSince,
  };
}

function isEmpty(times: Times): boolean {
  return Object.keys(times).length === 0;
}
