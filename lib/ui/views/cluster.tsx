/// <reference lib="dom" />
import { useMemo } from "preact/hooks";
import { Bar, Mark } from "../marks.tsx";
import type { Model, Node } from "../../model/mod.ts";
import { maxReserved, severity } from "../../model/issues.ts";
import { sortNaturally } from "../../model/natural.ts";
import type { Params } from "../../model/place.ts";
import { href, setQuery } from "../route.ts";
import { isOld, type Standing } from "../standing.ts";
import { plural } from "../../model/format.ts";
import { useHighlight } from "./highlight.ts";
import { NodeMap } from "./map.tsx";
import { Needs } from "./needs.tsx";
import "./cluster.css";

const ORDERS = ["name", "load", "trouble"] as const;

/** What needs somebody, and the nodes as a map of their pods. */
export function ClusterView(
  { model, params, standing }: {
    model: Model;
    params: Params;
    standing: Standing;
  },
) {
  const { app = "", sort = "" } = params;
  const highlight = useHighlight(app);
  const nodes = useMemo(
    () => ordered([...model.nodes.values()], sort),
    [model.nodes, sort],
  );
  const change = (next: Params) => setQuery([], { ...params, ...next });
  const here = app === "" ? undefined : model.apps.get(app)?.pods ?? [];
  return (
    <>
      <h1>Cluster</h1>
      <p class="summary">
        <a href={href(["nodes"])}>{plural(model.nodes.size, "node")}</a>,{" "}
        <a href={href(["apps"])}>{plural(model.apps.size, "app")}</a>,{" "}
        <a href={href(["pods"])}>{plural(model.pods.length, "pod")}</a>;{" "}
        <a href={href(["changes"], { since: "5m" })}>
          what changed in the last 5 minutes
        </a>, <a href={href(["lainlet"])}>who listens</a>
      </p>
      <Needs model={model} isOld={isOld(standing)} />
      <section aria-label="Map">
        <div class="controls">
          <h2>Where everything runs</h2>
          <label>
            Nodes by{" "}
            <select
              value={sort || "name"}
              onChange={({ currentTarget: { value } }) =>
                change({ sort: value === "name" ? "" : value })}
            >
              {ORDERS.map((one) => <option key={one}>{one}</option>)}
            </select>
          </label>
          <label>
            Show app{" "}
            <input
              type="search"
              list="apps"
              value={app}
              onInput={({ currentTarget: { value } }) => change({ app: value })}
            />
          </label>
          <datalist id="apps">
            {[...model.apps.keys()].map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          {here !== undefined && (
            <span>
              {here.length === 0 ? `There is no ${app}.` : (
                <>
                  <a href={href(["app", app])}>{app}</a>:{" "}
                  {plural(here.length, "pod")} on {plural(
                    new Set(here.map(({ node }) => node)).size,
                    "node",
                  )}
                </>
              )}
            </span>
          )}
        </div>
        <Key />
        <ul class="nodes" {...highlight}>
          {nodes.map((node) => <NodeCard key={node.name} node={node} />)}
        </ul>
      </section>
    </>
  );
}

/** @param sort one of {@linkcode ORDERS}; by name when it is another */
function ordered(nodes: readonly Node[], sort: string): readonly Node[] {
  if (sort === "load") {
    return nodes.toSorted((a, b) => maxReserved(b) - maxReserved(a));
  }
  if (sort !== "trouble") return sortNaturally(nodes, ({ name }) => name);
  const problems = ({ pods }: Node) =>
    pods.filter((pod) => pod.problems.length > 0);
  const count = new Map(nodes.map((node) => [node, problems(node).length]));
  const worst = ({ pods }: Node) => Math.min(...pods.map(severity));
  return nodes.toSorted((a, b) =>
    (count.get(b) ?? 0) - (count.get(a) ?? 0) || worst(a) - worst(b)
  );
}

/** What the marks mean. */
function Key() {
  return (
    <ul class="key">
      <li>
        <span class="cell" /> well
      </li>
      <li>
        <span class="cell bad" /> not well
      </li>
      <li>
        <span class="cell off" /> stopped
      </li>
    </ul>
  );
}

function NodeCard({ node }: { node: Node }) {
  const { cpu, ip, memory, name, pods } = node;
  const bad = pods.filter(({ problems }) => problems.length > 0).length;
  return (
    <li class="node">
      <div class="title">
        <h3>
          <a href={href(["node", name])}>{name}</a>
        </h3>
        <small>{ip}</small>
        {bad > 0 && (
          <a
            href={href(["pods"], { node: name, state: "bad" })}
            title={`${bad} of ${plural(pods.length, "pod")} not well`}
          >
            <Mark look="bad" text={String(bad)} />
          </a>
        )}
        <small>{plural(pods.length, "pod")}</small>
      </div>
      <Bar unit="CPU" load={cpu} />
      <Bar unit="memory" load={memory} />
      <NodeMap pods={pods} />
    </li>
  );
}
