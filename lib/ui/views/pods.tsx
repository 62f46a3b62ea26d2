/// <reference lib="dom" />
import { useMemo } from "preact/hooks";
import { addressText, podName } from "../../model/format.ts";
import {
  hasProblem,
  healthUrgency,
  PROBLEM_KINDS,
  PROBLEMS,
  statusOf,
  statusText,
} from "../../model/health.ts";
import type { Model, Params, Pod } from "../../model/mod.ts";
import { sortByUrgency } from "../../model/status.ts";
import {
  Address,
  Age,
  HealthMark,
  NodeLink,
  PodLink,
  Version,
} from "../parts.tsx";
import { setQuery } from "../route.ts";
import { type Column, Table } from "../table.tsx";

const POD: Column<Pod> = {
  name: "pod",
  width: "24%",
  text: podName,
  show: (pod) => <PodLink pod={pod} />,
};
const STATE: Column<Pod> = {
  name: "state",
  text: (pod) => statusText(pod),
  order: healthUrgency,
  show: (pod) => <HealthMark of={pod} />,
};
const NODE: Column<Pod> = {
  name: "node",
  width: "8rem",
  text: ({ node }) => node || "none",
  show: ({ node }) => node ? <NodeLink name={node} /> : "none",
  isBeside: true,
};
const ADDRESS: Column<Pod> = {
  name: "address",
  width: "12.5rem",
  text: ({ ip, port }) => addressText(ip, port) || "no address",
  show: ({ ip, isStopped, port }) =>
    ip === "" && isStopped
      ? <span class="dim">none</span>
      : <Address ip={ip} port={port} />,
};
const VERSION: Column<Pod> = {
  name: "version",
  width: "17%",
  isWide: true,
  text: ({ version }) => version,
  show: ({ version }) => <Version version={version} />,
};
const RESTARTS: Column<Pod> = {
  name: "restarts",
  width: "5.5rem",
  text: ({ restarts }) => String(restarts),
  order: ({ restarts }) => restarts,
  isMinor: true,
  isNumber: true,
};
const UPDATED: Column<Pod> = {
  name: "changed",
  width: "5.5rem",
  text: () => "",
  order: ({ updated = 0 }) => updated,
  show: ({ updated }) => <Age time={updated} />,
  isMinor: true,
};

/** Columns of pods; those on one node have no column for it. */
export const PODS = [POD, STATE, NODE, ADDRESS, VERSION, RESTARTS, UPDATED];
export const PODS_OF_NODE = PODS.filter((one) => one !== NODE);

export const keyOf = ({ key }: Pod) => key;

/** Values of `state`, and their titles. */
const STATES = [
  ["", "all"],
  ["bad", "with problems"],
  ["good", "OK"],
  ["note", "OK, with an old error"],
  ["stopped", "stopped"],
  ...PROBLEM_KINDS.map((kind) => [kind, PROBLEMS[kind]] as const),
] as const;

/** All pods, filtered by app, node, state, address, and text. */
export function PodsView({ model, params }: { model: Model; params: Params }) {
  const { address = "", app = "", node = "", state = "" } = params;
  const change = (next: Params) => setQuery(["pods"], next);
  const only = useMemo(() => {
    const isApp = nameFilter(app, (name) => model.apps.has(name));
    const isNode = nameFilter(node, (name) => model.nodes.has(name));
    return (pod: Pod) =>
      isApp(pod.app) && isNode(pod.node) && hasState(pod, state) &&
      (address === "" || addressText(pod.ip, pod.port).startsWith(address));
  }, [address, app, node, state, model.apps.has(app), model.nodes.has(node)]);
  const isTrouble = state !== "" && state !== "good" && state !== "stopped";
  const pods = useMemo(
    () => isTrouble ? sortByUrgency(model.pods, healthUrgency) : model.pods,
    [model.pods, isTrouble],
  );
  const field = (name: string, value: string, list?: string) => (
    <label>
      {name}{" "}
      <input
        type="search"
        placeholder=" "
        list={list}
        value={value}
        onInput={({ currentTarget: { value } }) =>
          change({ ...params, [name]: value })}
      />
    </label>
  );
  return (
    <>
      <h1>Pods</h1>
      <Table
        label="Pods"
        columns={PODS}
        items={pods}
        keyOf={keyOf}
        only={only}
        params={params}
        onParams={change}
        empty="No pods."
      >
        <label>
          state{" "}
          <select
            value={state}
            onChange={({ currentTarget: { value } }) =>
              change({ ...params, state: value })}
          >
            {STATES.map(([value, text]) => (
              <option key={value} value={value}>{text}</option>
            ))}
          </select>
        </label>
        {field("app", app, "apps")}
        {field("node", node, "nodes")}
        {field("address", address)}
        <datalist id="apps">
          {[...model.apps.keys()].map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <datalist id="nodes">
          {[...model.nodes.keys()].map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </Table>
    </>
  );
}

/** Matches the name itself where it exists, else all names that contain it. */
function nameFilter(
  name: string,
  exists: (name: string) => boolean,
): (name: string) => boolean {
  if (name === "") return () => true;
  return exists(name) ? (one) => one === name : (one) => one.includes(name);
}

/** @param state one of {@linkcode STATES} */
function hasState(pod: Pod, state: string): boolean {
  switch (state) {
    case "":
      return true;
    case "bad":
      return hasProblem(pod);
    case "good":
      return statusOf(pod) === "good" || statusOf(pod) === "note";
    case "note":
      return statusOf(pod) === "note";
    case "stopped":
      return pod.isStopped;
    default:
      return pod.problems.some(({ kind }) => kind === state);
  }
}
