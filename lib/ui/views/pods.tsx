/// <reference lib="dom" />
import { useMemo } from "preact/hooks";
import { PROBLEM_KINDS, PROBLEMS } from "../../model/health.ts";
import { Ago, PodLink, StateMark, stateText, Version } from "../marks.tsx";
import type { Model, Pod } from "../../model/mod.ts";
import { severity } from "../../model/issues.ts";
import { Address, NodeLink } from "../parts.tsx";
import type { Params } from "../../model/place.ts";
import { setQuery } from "../route.ts";
import type { Column } from "../column.tsx";
import { Table } from "../table.tsx";

const POD: Column<Pod> = {
  name: "pod",
  width: 23,
  text: ({ group, instance }) => `${group} ${instance}`,
  show: (pod) => <PodLink pod={pod} />,
};
const STATE: Column<Pod> = {
  name: "state",
  width: 24,
  text: stateText,
  order: severity,
  show: (pod) => <StateMark of={pod} />,
};
const NODE: Column<Pod> = {
  name: "node",
  width: 11,
  text: ({ node }) => node || "none",
  show: ({ node }) => node ? <NodeLink name={node} /> : "none",
  isBeside: true,
};
const ADDRESS: Column<Pod> = {
  name: "address",
  width: 16,
  text: ({ ip, port }) => ip ? `${ip}:${port}` : "no address",
  show: ({ ip, isStopped, port }) =>
    ip === "" && isStopped
      ? <span class="dim">none</span>
      : <Address ip={ip} port={port} />,
};
const VERSION: Column<Pod> = {
  name: "version",
  width: 18,
  text: ({ version }) => version,
  show: ({ version }) => <Version version={version} />,
  isMinor: true,
};
const RESTARTS: Column<Pod> = {
  name: "restarts",
  width: 9,
  text: ({ restarts }) => String(restarts),
  order: ({ restarts }) => restarts,
  isMinor: true,
  isNumber: true,
};
const UPDATED: Column<Pod> = {
  name: "changed",
  width: 9,
  text: ({ updated }) => String(updated ?? ""),
  order: ({ updated = 0 }) => updated,
  show: ({ updated }) => <Ago time={updated} />,
  isMinor: true,
};

/** Of all pods, of an app's, of a node's. */
export const PODS = [POD, STATE, NODE, ADDRESS, VERSION, RESTARTS, UPDATED];
export const PODS_OF_NODE = PODS.filter((one) => one !== NODE);

export const keyOf = ({ key }: Pod) => key;

/** What a pod's state can be asked to be. */
const STATES = [
  ["", "all"],
  ["bad", "not well"],
  ["good", "well"],
  ["stopped", "stopped"],
  ...PROBLEM_KINDS.map((kind) => [kind, PROBLEMS[kind]] as const),
] as const;

/** Every pod, by app, node, state, address, and any text. */
export function PodsView({ model, params }: { model: Model; params: Params }) {
  const { address = "", app = "", node = "", state = "" } = params;
  const change = (next: Params) => setQuery(["pods"], next);
  const only = useMemo(() => {
    const isApp = wanted(app, (name) => model.apps.has(name));
    const isNode = wanted(node, (name) => model.nodes.has(name));
    return (pod: Pod) =>
      isApp(pod.app) && isNode(pod.node) && isOf(pod, state) &&
      (address === "" || `${pod.ip}:${pod.port}`.startsWith(address));
  }, [address, app, node, state, model.apps.has(app), model.nodes.has(node)]);
  const field = (name: string, value: string, list?: string) => (
    <label>
      {name}{" "}
      <input
        type="search"
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
        items={model.pods}
        keyOf={keyOf}
        only={only}
        params={params}
        onParams={change}
        empty="There are no pods."
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

/** The one of that name where there is one, else all that have it in theirs. */
function wanted(
  name: string,
  exists: (name: string) => boolean,
): (name: string) => boolean {
  if (name === "") return () => true;
  return exists(name) ? (one) => one === name : (one) => one.includes(name);
}

/** @param state one of {@linkcode STATES} */
function isOf({ isStopped, problems }: Pod, state: string): boolean {
  switch (state) {
    case "":
      return true;
    case "bad":
      return problems.length > 0;
    case "good":
      return problems.length === 0 && !isStopped;
    case "stopped":
      return isStopped;
    default:
      return problems.some(({ kind }) => kind === state);
  }
}
