import type { Data } from "../../client/client.ts";
import { type Health, healthOf, PROBLEMS } from "../../model/health.ts";
import { shortVersion } from "../../model/format.ts";
import {
  age,
  type Cell,
  cell,
  inOrder,
  type Listing,
  listing,
  type Row,
} from "./listing.ts";

type Pod = Data<"pods">[string];

/** The pods of an app; "": of all that the caller may see. */
export function pods(app: string): Listing {
  return listing("pods", app === "" ? {} : { appname: app }, [
    { title: "POD", least: 24, cut: "middle" },
    { title: "NODE", least: 12 },
    { title: "ADDRESS" },
    { title: "STATUS", least: 20 },
    { title: "RESTARTS", align: "right", spare: 4 },
    { title: "UPDATED", align: "right", spare: 3 },
    { title: "VERSION", spare: 1, least: 18 },
    { title: "ERROR", spare: 2, least: 20 },
    { title: "PROC", isWide: true },
  ], (pods) => inOrder(Object.entries(pods).map(rowOf)));
}

function rowOf([name, pod]: [name: string, pod: Pod]): Row {
  const { address = "", error, node, oom, port, proc, restarts, version = "" } =
    pod;
  const condition = healthOf({
    State: pod.state,
    Health: pod.health,
    Restarts: restarts,
    Updated: pod.updated,
    LastError: error,
    OOMKilled: oom,
    Target: pod.target,
  }, address !== "");
  return {
    name,
    value: pod,
    cells: [
      cell(name),
      cell(node),
      cell(addressOf(address, port)),
      statusCell(condition),
      cell(restarts, restarts ? "bad" : undefined),
      cell(age(condition.updated)),
      cell(shortVersion(version)),
      cell(error),
      cell(proc),
    ],
    isWell: condition.problems.length === 0,
  };
}

/** Where a pod is reached; "" while it has no address. */
export function addressOf(address: string, port = 0): string {
  return address === "" || port === 0 ? address : `${address}:${port}`;
}

/** How a pod is. */
export function statusCell(condition: Health): Cell {
  const isWell = condition.problems.length === 0;
  return cell(statusOf(condition), isWell ? "good" : "bad");
}

/** How a pod is, in a few words; "" when the store does not say. */
export function statusOf(condition: Health): string {
  const { problems, isStopped, state, health } = condition;
  if (problems.length > 0) return shortly(problems).join(", ");
  if (isStopped) return state === "paused" ? state : "stopped";
  if (health !== "" && health !== "none") return health;
  return state === "success" ? "running" : state;
}

/** What is wrong, without the words of errors, which have a column of their own. */
export function shortly(problems: Health["problems"]): string[] {
  return problems.map(({ kind, text }) =>
    kind === "told" ? PROBLEMS.told : text
  );
}
