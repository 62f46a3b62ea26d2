/// <reference lib="dom" />
import { Component, createRef } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { number, plural, podName, sortNaturally } from "../../model/format.ts";
import { statusOf, statusText } from "../../model/health.ts";
import { type Issue, issuesOf } from "../../model/issues.ts";
import type { Model, Node, Params, Pod } from "../../model/mod.ts";
import { podLink } from "../../model/search.ts";
import { badPods, maxReserved, worstUrgency } from "../../model/status.ts";
import {
  type ConnectionState,
  isOutdated,
  useNow,
} from "../connection_state.ts";
import { highlight, Mark, ReservationBar } from "../parts.tsx";
import { href, setQuery } from "../route.ts";
import "./cluster.css";

const ORDERS = ["name", "reserved", "problems"] as const;

/** What needs attention, and the nodes as a map of their pods. */
export function ClusterView(
  { model, params, state }: {
    model: Model;
    params: Params;
    state: ConnectionState;
  },
) {
  const { app = "", sort = "" } = params;
  const mapEvents = useAppHighlight(app);
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
          changes of the last 5 minutes
        </a>, <a href={href(["lainlet"])}>listeners</a>
      </p>
      <Issues model={model} isOld={isOutdated(state)} />
      <section aria-label="Map">
        <div class="controls">
          <h2>Placement</h2>
          <label>
            Sort by{" "}
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
              {here.length === 0 ? `No app named "${app}"` : (
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
        <ul class="nodes" {...mapEvents}>
          {nodes.map((node) => <NodeCard key={node.name} node={node} />)}
        </ul>
      </section>
    </>
  );
}

/** @param sort one of {@linkcode ORDERS}; any other is the first */
function ordered(nodes: readonly Node[], sort: string): readonly Node[] {
  if (sort === "reserved") {
    return nodes.toSorted((a, b) => maxReserved(b) - maxReserved(a));
  }
  if (sort !== "problems") return sortNaturally(nodes, ({ name }) => name);
  const counts = new Map(nodes.map((node) => [node, badPods(node)]));
  return nodes.toSorted((a, b) =>
    (counts.get(b) ?? 0) - (counts.get(a) ?? 0) ||
    worstUrgency(a.pods) - worstUrgency(b.pods)
  );
}

/** The legend of the map. */
function Key() {
  return (
    <ul class="key">
      <li>
        <span class="cell" /> OK
      </li>
      <li>
        <span class="cell bad" /> problem
      </li>
      <li>
        <span class="cell off" /> stopped
      </li>
    </ul>
  );
}

function NodeCard({ node }: { node: Node }) {
  const { cpu, ip, memory, name, pods } = node;
  const bad = badPods(node);
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
            title={`${bad} of ${plural(pods.length, "pod")} with a problem`}
          >
            <Mark status="bad" text={String(bad)} />
          </a>
        )}
        <small>{plural(pods.length, "pod")}</small>
      </div>
      <ReservationBar resource="CPU" reservation={cpu} />
      <ReservationBar resource="memory" reservation={memory} />
      <NodeMap pods={pods} />
    </li>
  );
}

/** Items of an issue that are listed, at most. */
const MAX_ITEMS = 4;

/** What needs attention. */
function Issues({ model, isOld }: { model: Model; isOld: boolean }) {
  const issues = useMemo(() => issuesOf(model), [model]);
  const isOk = issues.every(({ status }) => status === "note");
  const none = isOld ? "No known problems" : "No problems";
  return (
    <section class="issues" aria-label="Needs attention">
      <h2>{isOk ? none : "Needs attention"}</h2>
      {isOk && (
        <p>
          <Mark status="good" text={allOkText(model.pods.length)} />
        </p>
      )}
      <ul>
        {issues.map((issue) => <IssueCard key={issue.title} issue={issue} />)}
      </ul>
    </section>
  );
}

function allOkText(pods: number): string {
  if (pods === 0) return "No pods";
  return pods === 1 ? "1 pod is OK" : `All ${number(pods)} pods are OK`;
}

function IssueCard({ issue }: { issue: Issue }) {
  const { all, items, parts, status, title } = issue;
  const now = useNow();
  const more = items.length - MAX_ITEMS;
  return (
    <li class={`issue ${status}`}>
      <h3>
        <a href={href(all.path, all.params)}>
          <Mark status={status} text={title} />
        </a>
      </h3>
      {parts.length > 1 && (
        <p class="parts">
          {parts.map(({ params, path, text }) => (
            <a key={text} href={href(path, params)}>{text}</a>
          ))}
        </p>
      )}
      <ul>
        {items.slice(0, MAX_ITEMS).map(({ name, params, path, reason }) => {
          const text = reason(now);
          return (
            <li key={name} title={`${name}: ${text}`}>
              <a href={href(path, params)}>{name}</a> {text}
            </li>
          );
        })}
      </ul>
      {more > 0 && (
        <p>
          <a href={href(all.path, all.params)}>and {more} more</a>
        </p>
      )}
    </li>
  );
}

interface NodeMapProps {
  readonly pods: readonly Pod[];
}

/** The pods of a node, a cell each. Drawn again when a pod differs: the list is a new one in each state. */
class NodeMap extends Component<NodeMapProps> {
  override shouldComponentUpdate({ pods }: NodeMapProps) {
    const { pods: old } = this.props;
    return pods.length !== old.length || pods.some((pod, i) => pod !== old[i]);
  }

  override render({ pods }: NodeMapProps) {
    return (
      <div class="map">
        {pods.map((pod) => <Cell key={pod.key} pod={pod} />)}
      </div>
    );
  }
}

interface CellProps {
  readonly pod: Pod;
}

/** Not focusable: the node's page lists its pods. */
class Cell extends Component<CellProps> {
  readonly #cell = createRef<HTMLAnchorElement>();

  override shouldComponentUpdate({ pod }: CellProps) {
    return pod !== this.props.pod;
  }

  override componentDidUpdate({ pod }: CellProps) {
    const { current } = this.#cell;
    if (current && textOf(pod) !== textOf(this.props.pod)) highlight(current);
  }

  override render({ pod }: CellProps) {
    const { app } = pod;
    const text = textOf(pod);
    return (
      <a
        ref={this.#cell}
        class={`cell ${statusOf(pod)}`}
        href={href(podLink(pod).path)}
        data-app={app}
        tabIndex={-1}
        title={text}
        aria-label={text}
      />
    );
  }
}

function textOf(pod: Pod): string {
  const { ip } = pod;
  return `${podName(pod)}: ${statusText(pod)}${ip && `, ${ip}`}`;
}

/** Rules of the highlight: changing them changes none of the elements, of which there may be thousands. */
const sheet = new CSSStyleSheet();

/**
 * Highlights the cells of an app, or of the app under the pointer.
 *
 * @returns event handlers for the element that contains the cells
 */
function useAppHighlight(app: string) {
  const [hovered, setHovered] = useState("");
  useEffect(() => {
    document.adoptedStyleSheets = [sheet];
    return () => {
      document.adoptedStyleSheets = [];
    };
  }, []);
  useEffect(() => {
    const name = hovered || app;
    const cells = `.cell[data-app="${CSS.escape(name)}"]`;
    sheet.replaceSync(
      name === "" ? "" : `
        .map .cell { opacity: 0.35; }
        ${cells} { opacity: 1; outline: 2px solid var(--text); }`,
    );
  }, [app, hovered]);
  return {
    onMouseOver({ target }: MouseEvent) {
      const cell = target instanceof Element ? target.closest(".cell") : null;
      setHovered(cell?.getAttribute("data-app") ?? "");
    },
    onMouseLeave: () => setHovered(""),
  };
}
