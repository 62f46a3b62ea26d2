/**
 * Since when pods are in trouble by the history of changes: for the first read
 * after a restart.
 *
 * @module
 */
import type { ChangeLog } from "./change_log.ts";
import type { ChangeRecord } from "./change_record.ts";

/** What may be wrong, named as in the overview; `Pods`: the group has fewer pods than wanted. */
export type Field =
  | "Address"
  | "Health"
  | "LastError"
  | "OOMKilled"
  | "Pods"
  | "Restarts"
  | "State"
  | "Version";

/** When something began. */
export interface Beginning {
  /** In ms since 1970. */
  readonly time: number;
  /** It may have begun before that time. */
  readonly isAtLeast: boolean;
}

/** Members whose changes the history has by their names. */
const MEMBERS: ReadonlyMap<unknown, Field> = new Map<unknown, Field>([
  ["Health", "Health"],
  ["LastError", "LastError"],
  ["OOMKilled", "OOMKilled"],
  ["State", "State"],
]);

/** Beginnings in one group. */
export interface RecordedGroup {
  /**
   * When a member got the value that it has.
   *
   * @param index of the pod in the group; undefined: the group itself
   * @param updated when it was last written, in ms since 1970
   * @returns undefined when the history does not say more than that
   */
  beginning(
    index: number | undefined,
    field: Field,
    updated: number,
  ): Beginning | undefined;
}

/** Reads beginnings from a history; each group by its key, `<app>/<group>`. */
export function recordedGroups(
  log: Pick<ChangeLog, "history" | "records">,
): (key: string) => RecordedGroup {
  const byApp = Map.groupBy(
    log.records().filter(({ kind }) => kind === "group"),
    ({ app }) => app,
  );
  const begin = Date.parse(log.history.begin);
  return (key) => {
    const app = key.slice(0, key.indexOf("/"));
    return recordedGroup(key, byApp.get(app) ?? [], begin);
  };
}

/** @param begin all changes since then are recorded, in ms since 1970; NaN: none */
function recordedGroup(
  key: string,
  records: readonly ChangeRecord[],
  begin: number,
): RecordedGroup {
  const changes = new Map<string, Beginning>();
  let start = begin;
  for (const { member: [, text], time } of records) {
    const { diff, earliest, name } = JSON.parse(text);
    if (name !== key) continue;
    for (const { path } of diff) {
      const [list, index, ...rest] = path;
      const isPod = list === "PodInfos";
      if (path.length === 0 || isPod && rest.length === 0) {
        // Pods may have other indexes now.
        changes.clear();
        start = time;
        continue;
      }
      const field = isPod ? podField(rest) : MEMBERS.get(list);
      if (field === undefined) continue;
      changes.set(`${isPod ? index : ""} ${field}`, {
        time,
        isAtLeast: earliest !== undefined,
      });
    }
  }
  const isRecorded = (field: Field) =>
    field === "Address" || MEMBERS.has(field);
  return {
    beginning: (index, field, updated) =>
      changes.get(`${index ?? ""} ${field}`) ??
        (isRecorded(field) && start < updated
          ? { time: start, isAtLeast: true }
          : undefined),
  };
}

/** @param path within a pod */
function podField(path: readonly unknown[]): Field | undefined {
  if (path[0] !== "ContainerInfos") return MEMBERS.get(path[0]);
  return path[1] === 0 && path[2] === "ContainerIp" ? "Address" : undefined;
}
