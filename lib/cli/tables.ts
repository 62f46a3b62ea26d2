/**
 * The tables of the commands.
 *
 * @module
 */
import { isSecret } from "../access/rights.ts";
import type { Data } from "../client/client.ts";
import { describeChange, plainText } from "../model/changes.ts";
import { withoutSecrets } from "../model/environment.ts";
import {
  addressText,
  age,
  percent,
  type Reservation,
  reservedText,
  type Resource,
  shortVersion,
  sortNaturally,
} from "../model/format.ts";
import {
  type Health,
  healthOf,
  healthUrgency,
  type Problem,
  statusOf,
  statusText,
  type Times,
} from "../model/health.ts";
import { type App, modelOf, type Node } from "../model/mod.ts";
import { search } from "../model/search.ts";
import {
  appSummary,
  appUrgency,
  badPods,
  maxReserved,
  missingLimits,
  nodeSummary,
  podCounts,
  readyText,
  reservedShare,
  summaryText,
  withoutLimit,
} from "../model/status.ts";
import type { TableCommand } from "./command.ts";
import { timeText, timeTitle } from "./output.ts";
import { type Cell, cell, type Row, type Table, tableOf } from "./table.ts";

/** The table that a command prints. */
export function tableFor(command: TableCommand): Table {
  const { name, argument } = command;
  const hidesSecrets = !command.showsSecrets && Deno.stdout.isTerminal();
  switch (name) {
    case "apps":
      return apps();
    case "pods":
      return pods(argument, command.node);
    case "nodes":
      return nodes(argument);
    case "listeners":
      return listeners();
    case "changes":
      return changes(argument, command.since, hidesSecrets);
    case "find":
      return find(argument);
    case "config":
      return config(argument, hidesSecrets);
  }
}

/** Rows by their names, in natural order. */
function sorted(rows: readonly Row[]): Row[] {
  return sortNaturally(rows, ({ name }) => name);
}

/** How long ago; empty for never. @param time in ms since 1970 */
function ageCell(time = 0): Cell {
  return time === 0 ? cell("") : cell(age(time), undefined, -time);
}

export function apps(): Table {
  return tableOf("overview", {}, [
    { title: "APP", minWidth: 20, cut: "middle" },
    { title: "OK", align: "right" },
    { title: "GROUPS", align: "right", priority: 1 },
    { title: "RESTARTS", align: "right" },
    { title: "UPDATED", align: "right" },
    { title: "VERSION", priority: 2, minWidth: 18 },
    { title: "STATUS", minWidth: 30 },
  ], (overview, now) =>
    Array.from(
      modelOf(overview, now).apps.values(),
      (app) => appRow(app, now),
    ));
}

function appRow(app: App, now: number): Row {
  const { name, groups, pods, versions } = app;
  const counts = podCounts(groups);
  const summary = appSummary(app);
  const { status, parts } = summary;
  const urgency = appUrgency(app);
  const restarts = pods.reduce((sum, { restarts }) => sum + restarts, 0);
  const updated = pods.reduce(
    (last, { updated = 0 }) => Math.max(last, updated),
    0,
  );
  return {
    name,
    value: {
      app: name,
      ok: counts.ok,
      wanted: counts.wanted,
      groups: groups.map(({ name }) => name),
      restarts,
      updated: updated === 0 ? undefined : new Date(updated).toISOString(),
      versions,
      problems: status === "bad" ? parts.map(({ text }) => text) : [],
    },
    cells: [
      cell(name),
      cell(readyText(counts), status, counts.ok - counts.wanted),
      cell(groups.length),
      cell(restarts),
      ageCell(updated),
      cell(versions.map(shortVersion).join(", ")),
      cell(summaryText(summary, now), status, urgency),
    ],
    isOk: status !== "bad",
    urgency,
  };
}

type PodState = Data<"pods">[string];

/**
 * @param app "": all that the caller may see
 * @param node "": all
 */
export function pods(app: string, node = ""): Table {
  return tableOf(
    "pods",
    app === "" ? {} : { appname: app },
    [
      { title: "POD", minWidth: 24, cut: "middle" },
      { title: "NODE", minWidth: 12 },
      { title: "ADDRESS" },
      { title: "STATUS", minWidth: 28 },
      { title: "RESTARTS", align: "right", priority: 4 },
      { title: "UPDATED", align: "right", priority: 3 },
      { title: "VERSION", priority: 1, minWidth: 18 },
      { title: "ERROR", priority: 2, minWidth: 20 },
      { title: "PROC", isWide: true },
    ],
    (pods, now) =>
      sorted(
        Object.entries(pods)
          .filter(([, pod]) => node === "" || pod.node === node)
          .map((entry) => podRow(entry, now)),
      ),
    true,
  );
}

function podRow([name, pod]: [name: string, pod: PodState], now: number): Row {
  const { address = "", error, node, port, proc, restarts, version = "" } = pod;
  const health = healthOf(
    {
      State: pod.state,
      Health: pod.health,
      Restarts: restarts,
      Restarted: pod.restarted,
      Updated: pod.updated,
      LastError: error,
      OOMKilled: pod.oom,
      Target: pod.target,
      Version: version,
      Wanted: pod.wanted,
      Since: overviewTimes(pod.since),
      AtLeastSince: overviewTimes(pod.atLeastSince),
    },
    address !== "",
    now,
  );
  const { notes, problems, updated } = health;
  const isRestarted = problems.some(({ kind }) => kind === "restarts");
  const urgency = healthUrgency(health);
  return {
    name,
    value: {
      ...pod,
      problems: problems.map(problemJson),
      notes: notes.map(problemJson),
    },
    cells: [
      cell(name),
      cell(node),
      cell(addressText(address, port)),
      healthCell(health, now),
      cell(restarts, isRestarted ? "bad" : undefined),
      ageCell(updated),
      cell(shortVersion(version)),
      cell(error),
      cell(proc),
    ],
    isOk: statusOf(health) !== "bad",
    urgency,
  };
}

/** Times by the names that the members have in the overview. */
function overviewTimes(times: PodState["since"]): Times | undefined {
  return times && {
    Address: times.address,
    Health: times.health,
    LastError: times.error,
    OOMKilled: times.oom,
    Restarts: times.restarts,
    State: times.state,
    Version: times.version,
  };
}

function problemJson({ kind, since }: Problem) {
  return {
    kind,
    since: since && new Date(since.time).toISOString(),
    isAtLeast: since?.isAtLeast || undefined,
  };
}

/** The status of a pod; its last error has a separate column. */
function healthCell(health: Health, now: number): Cell {
  return cell(
    statusText(health, { now, isShort: true }),
    statusOf(health),
    healthUrgency(health),
  );
}

/** @param text a node's name or address; "": all */
export function nodes(text = ""): Table {
  return tableOf(
    "overview",
    {},
    [
      { title: "NODE", minWidth: 16, cut: "middle" },
      { title: "ADDRESS", priority: 1 },
      { title: "PODS", align: "right" },
      { title: "PROBLEMS", align: "right" },
      { title: "CPUS", align: "right" },
      { title: "CPU%", align: "right" },
      { title: "MEMORY", align: "right" },
      { title: "MEM%", align: "right" },
      { title: "WITHOUT LIMIT", priority: 2 },
      { title: "STATUS", minWidth: 14 },
    ],
    (overview, now) =>
      [...modelOf(overview, now).nodes.values()]
        .filter(({ name, ip }) => text === "" || name === text || ip === text)
        .map((node) => nodeRow(node, now)),
  );
}

function nodeRow(node: Node, now: number): Row {
  const { name, ip, pods, cpu, memory } = node;
  const summary = nodeSummary(node);
  const { parts, status } = summary;
  const bad = badPods(node);
  return {
    name,
    value: {
      node: name,
      address: ip,
      pods: pods.length,
      podsWithProblems: bad,
      cpu,
      memory,
      problems: parts.map(({ text }) => text),
    },
    cells: [
      cell(name),
      cell(ip),
      cell(pods.length),
      cell(bad, bad > 0 ? "bad" : undefined),
      ...reservationCells(cpu, "CPU"),
      ...reservationCells(memory, "memory"),
      cell(withoutLimit(node), undefined, -missingLimits(node)),
      cell(summaryText(summary, now), status, -parts.length),
    ],
    isOk: status !== "bad",
    urgency: -maxReserved(node),
  };
}

/** What is reserved of the capacity, and which part that is. */
function reservationCells(
  reservation: Reservation,
  resource: Resource,
): [Cell, Cell] {
  const share = reservedShare(reservation);
  return [
    cell(reservedText(reservation, resource), undefined, -reservation.limits),
    reservation.capacity === undefined
      ? cell("", undefined, 0)
      : cell(percent(share), share > 1 ? "bad" : undefined, -share),
  ];
}

type Listener = Data<"listeners">[string];

export function listeners(): Table {
  return tableOf("listeners", {}, [
    { title: "PEER" },
    { title: "APP", minWidth: 10, cut: "middle" },
    { title: "ENDPOINT", minWidth: 16, cut: "middle" },
    { title: "PARAMETERS", priority: 2, minWidth: 12 },
    { title: "SINCE", align: "right" },
    { title: "SENT", align: "right", priority: 1 },
    { title: "BEHIND", align: "right" },
    { title: "PROTOCOL", isWide: true },
  ], (listeners) =>
    sortNaturally(
      Object.entries(listeners),
      ([number, { peer, endpoint }]) => `${peer} ${endpoint} ${number}`,
    ).map(([name, listener]) => {
      const { peer, app, endpoint, params, since, sent, protocol } = listener;
      return {
        name,
        value: listener,
        cells: [
          cell(peer),
          cell(app),
          cell(endpoint),
          cell(new URLSearchParams(params).toString()),
          ageCell(since * 1000),
          cell(sent),
          behindCell(listener),
          cell(protocol),
        ],
        isOk: !listener.behind,
        urgency: -listener.behindFor,
      };
    }));
}

function behindCell({ behind, behindFor, slow }: Listener): Cell {
  if (!behind) return cell("no", "good", 0);
  const text = slow ? `slow, ${behindFor} s` : `${behindFor} s`;
  return cell(text, "bad", -behindFor);
}

/**
 * Changes, the oldest first.
 *
 * @param app "": all that the caller may see
 * @param since a time, or how long ago
 */
export function changes(
  app: string,
  since: string,
  hidesSecrets = false,
): Table {
  const params = app === "" ? { since } : { since, app };
  const table = tableOf("changes", params, [
    { title: timeTitle() },
    { title: "KIND" },
    { title: "WHAT", minWidth: 40, isFolded: true },
  ], (changes) =>
    sorted(
      Object.entries(changes).map(([name, change]) =>
        changeRow(name, change, hidesSecrets)
      ),
    ));
  return { ...table, isLog: true };
}

function changeRow(
  name: string,
  change: Data<"changes">[string],
  hidesSecrets: boolean,
): Row {
  const { diff } = change;
  return {
    name,
    value: { ...change, diff: hidesSecrets ? withoutSecrets(diff) : diff },
    cells: [
      timeText(new Date(change.time)),
      cell(change.kind),
      cell(plainText(describeChange(change))),
    ],
    isOk: true,
  };
}

/** Everything that has a text as its name or address; if nothing has, everything that contains its words. */
export function find(text: string): Table {
  return tableOf("overview", {}, [
    { title: "KIND" },
    { title: "NAME", minWidth: 24, cut: "middle" },
    { title: "NODE", minWidth: 12 },
    { title: "ADDRESS", minWidth: 21 },
    { title: "STATUS", minWidth: 12 },
  ], (overview, now) => {
    const all = search(modelOf(overview, now), text)
      .flatMap(({ found }) => found);
    const exact = all.filter(({ isExact }) => isExact);
    return (exact.length > 0 ? exact : all).map((found) => {
      const { kind, name, node, address, status, statusText } = found;
      return {
        name: `${kind}/${name}`,
        value: { kind, name, node, address, status: statusText?.() },
        cells: [
          cell(kind),
          cell(name),
          cell(node),
          cell(address),
          cell(statusText?.(now), status),
        ],
        isOk: status !== "bad",
      };
    });
  });
}

/** Stands for a secret value. */
const HIDDEN = "(secret)";

/** Settings whose names start with a prefix. */
export function config(prefix: string, hidesSecrets: boolean): Table {
  return tableOf("configwatcher", prefix === "" ? {} : { target: prefix }, [
    { title: "NAME", minWidth: 30, cut: "middle" },
    { title: "VALUE", minWidth: 20 },
  ], (settings) =>
    sorted(
      Object.entries(settings).map(([name, setting]) => {
        const value = hidesSecrets ? redacted(name, setting) : setting;
        return {
          name,
          value: { name, value },
          cells: [cell(name), cell(value)],
          isOk: true,
        };
      }),
    ));
}

/** A setting's value, or what stands for it when it is a secret. */
export function redacted(name: string, value: string): string {
  return isSecret(name) && value !== "" ? HIDDEN : value;
}
