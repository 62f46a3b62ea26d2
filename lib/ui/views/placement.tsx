/// <reference lib="dom" />
/**
 * The nodes as a map of their pods: of some nodes a card each with a cell for
 * each pod, of many a tile each.
 *
 * @module
 */
import { Component, createRef } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { memo } from "../../memo.ts";
import { number, plural, podName } from "../../model/format.ts";
import { type Status, statusOf, statusText } from "../../model/health.ts";
import type { Model, Node, Params, Pod } from "../../model/mod.ts";
import { matcher, podLink } from "../../model/search.ts";
import { badPods, maxReserved, worstUrgency } from "../../model/status.ts";
import { highlight, Mark, ReservationBar } from "../parts.tsx";
import { href, setQuery } from "../route.ts";
import "./placement.css";

/** Nodes that are drawn as cards, at most: more of them are more than one sees, and a browser draws at once. */
const MAX_CARDS = 150;

const ORDERS = ["name", "reserved", "problems"] as const;

/** How a pod is drawn: a note is no reason to look at it. */
type Look = Exclude<Status, "note">;

/** The looks of pods, and their names. */
const LOOKS: readonly (readonly [Look, string])[] = [
  ["good", "OK"],
  ["bad", "with a problem"],
  ["off", "stopped"],
];

function lookOf(pod: Pod): Look {
  const status = statusOf(pod);
  return status === "note" ? "good" : status;
}

/** A node, and its pods that are asked for. */
interface Place {
  readonly node: Node;
  readonly pods: readonly Pod[];
}

/** @param params `app`, `state` and `node`, which filter, and `sort` */
export function Placement(
  { model, params }: { model: Model; params: Params },
) {
  const { app = "", node = "", sort = "", state = "" } = params;
  const mapEvents = useHighlight(app, state);
  const apps = model.apps;
  const isApp = apps.has(app);
  const places = useMemo(() => {
    const isNamed = matcher(node);
    const isMeant = (pod: Pod) =>
      (!isApp || pod.app === app) && (state === "" || lookOf(pod) === state);
    return ordered([...model.nodes.values()], sort)
      .filter(({ ip, name }) => node === "" || isNamed(`${name}\n${ip}`))
      .map((node): Place =>
        isApp || state !== ""
          ? { node, pods: node.pods.filter(isMeant) }
          : { node, pods: node.pods }
      )
      .filter(({ pods }) => pods.length > 0 || !isApp && state === "");
  }, [model.nodes, app, isApp, node, sort, state]);
  const change = (next: Params) => setQuery([], { ...params, ...next });
  const isFiltered = isApp || node !== "" || state !== "";
  return (
    <section aria-label="Map">
      <div class="controls">
        <h2>Placement</h2>
        <label>
          order{" "}
          <select
            value={sort || "name"}
            onChange={({ currentTarget: { value } }) =>
              change({ sort: value === "name" ? "" : value })}
          >
            {ORDERS.map((one) => <option key={one}>{one}</option>)}
          </select>
        </label>
        <label>
          app{" "}
          <input
            type="search"
            placeholder=" "
            list="apps"
            value={app}
            onInput={({ currentTarget: { value } }) => change({ app: value })}
          />
        </label>
        <AppNames names={apps} />
        <label>
          state{" "}
          <select
            value={state}
            onChange={({ currentTarget: { value } }) =>
              change({ state: value })}
          >
            <option value="">all</option>
            {LOOKS.map(([look, name]) => (
              <option key={look} value={look}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          node{" "}
          <input
            type="search"
            placeholder=" "
            value={node}
            onInput={({ currentTarget: { value } }) => change({ node: value })}
          />
        </label>
        {app !== "" && !isApp && <span>No app named "{app}"</span>}
        {isFiltered && <Found app={isApp ? app : ""} places={places} />}
      </div>
      <Totals nodes={model.nodes} />
      {places.length === 0 && <p class="dim">No matches.</p>}
      {model.nodes.size > MAX_CARDS
        ? (
          <ul class="tiles">
            {places.map((place) => <Tile key={place.node.name} {...place} />)}
          </ul>
        )
        : (
          <ul class="nodes" {...mapEvents}>
            {places.map(({ node }) => <NodeCard key={node.name} node={node} />)}
          </ul>
        )}
    </section>
  );
}

/** What the filters leave. @param app "" for all */
function Found({ app, places }: { app: string; places: readonly Place[] }) {
  const pods = places.reduce((sum, { pods }) => sum + pods.length, 0);
  return (
    <span>
      {app !== "" && (
        <>
          <a href={href(["app", app])}>{app}</a>:{" "}
        </>
      )}
      {plural(pods, "pod")} on {plural(places.length, "node")}
    </span>
  );
}

interface AppNamesProps {
  readonly names: Model["apps"];
}

/** Suggestions for the field of the app; thousands of them are not drawn with each state. */
class AppNames extends Component<AppNamesProps> {
  override shouldComponentUpdate({ names }: AppNamesProps) {
    const old = this.props.names;
    return names.size !== old.size ||
      [...names.keys()].some((name) => !old.has(name));
  }

  override render({ names }: AppNamesProps) {
    return (
      <datalist id="apps">
        {[...names.keys()].map((name) => <option key={name} value={name} />)}
      </datalist>
    );
  }
}

/** @param sort one of {@linkcode ORDERS}; any other is the first */
function ordered(nodes: readonly Node[], sort: string): readonly Node[] {
  if (sort === "reserved") {
    return nodes.toSorted((a, b) => maxReserved(b) - maxReserved(a));
  }
  if (sort !== "problems") return nodes;
  const counts = new Map(nodes.map((node) => [node, badPods(node)]));
  return nodes.toSorted((a, b) =>
    (counts.get(b) ?? 0) - (counts.get(a) ?? 0) ||
    worstUrgency(a.pods) - worstUrgency(b.pods)
  );
}

/** The totals of the cluster; the legend of the map, too. */
function Totals({ nodes }: { nodes: Model["nodes"] }) {
  const counts = { ...NONE };
  const cpu = { limits: 0, capacity: 0 };
  const memory = { limits: 0, capacity: 0 };
  for (const node of nodes.values()) {
    const own = memo(countsOfNodes, node, () => countsOf(node));
    for (const [look] of LOOKS) counts[look] += own[look];
    cpu.limits += node.cpu.limits;
    cpu.capacity += node.cpu.capacity ?? 0;
    memory.limits += node.memory.limits;
    memory.capacity += node.memory.capacity ?? 0;
  }
  return (
    <ul class="key">
      {LOOKS.map(([look, name]) => (
        <li key={look}>
          <span class={`cell ${look}`} /> {number(counts[look])} {name}
        </li>
      ))}
      <li class="total">
        <ReservationBar resource="CPU" reservation={known(cpu)} />
      </li>
      <li class="total">
        <ReservationBar resource="memory" reservation={known(memory)} />
      </li>
    </ul>
  );
}

const NONE: Readonly<Record<Look, number>> = { good: 0, bad: 0, off: 0 };

const countsOfNodes = new WeakMap<Node, Readonly<Record<Look, number>>>();

function countsOf({ pods }: Node): Readonly<Record<Look, number>> {
  const counts = { ...NONE };
  for (const pod of pods) counts[lookOf(pod)]++;
  return counts;
}

/** Without a node that says what it has, there is no capacity. */
function known({ capacity, limits }: { capacity: number; limits: number }) {
  return { limits, capacity: capacity || undefined };
}

/** A node in a large cluster. Drawn again when it, or what is asked for, differs. */
class Tile extends Component<Place> {
  override shouldComponentUpdate({ node, pods }: Place) {
    const { props } = this;
    return node !== props.node || pods.length !== props.pods.length ||
      pods.some((pod, i) => pod !== props.pods[i]);
  }

  override render({ node, pods }: Place) {
    const { ip, name } = node;
    const bad = badPods({ pods });
    const share = Math.min(1, maxReserved(node));
    const text = `${name}, ${ip}: ${plural(pods.length, "pod")}${
      bad > 0 ? `, ${bad} with a problem` : ""
    }`;
    return (
      <li class="tile">
        <a
          class={bad > 0 ? "bad" : undefined}
          href={href(["node", name])}
          title={text}
          aria-label={text}
        >
          <span class="name">{name}</span>
          <span>{bad > 0 ? `▲ ${bad}/${pods.length}` : pods.length}</span>
          <i style={{ width: `${100 * share}%` }} />
        </a>
      </li>
    );
  }
}

interface NodeCardProps {
  readonly node: Node;
}

/** A node, and its pods, a cell each. */
class NodeCard extends Component<NodeCardProps> {
  override shouldComponentUpdate({ node }: NodeCardProps) {
    return node !== this.props.node;
  }

  override render({ node }: NodeCardProps) {
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
        <div class="map">
          {pods.map((pod) => <Cell key={pod.key} pod={pod} />)}
        </div>
      </li>
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
        class={`cell ${lookOf(pod)}`}
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
 * Highlights the cells of an app, or of the app under the pointer, and those of
 * a status.
 *
 * @returns event handlers for the element that contains the cells
 */
function useHighlight(app: string, state: string) {
  const [hovered, setHovered] = useState("");
  useEffect(() => {
    document.adoptedStyleSheets = [sheet];
    return () => {
      document.adoptedStyleSheets = [];
    };
  }, []);
  useEffect(() => {
    const name = hovered || app;
    const cells = [
      ".cell",
      state && `.${CSS.escape(state)}`,
      name && `[data-app="${CSS.escape(name)}"]`,
    ].join("");
    sheet.replaceSync(
      cells === ".cell" ? "" : `
        .map .cell { opacity: 0.35; }
        .map ${cells} { opacity: 1; outline: 2px solid var(--text); }`,
    );
  }, [app, hovered, state]);
  return {
    onMouseOver({ target }: MouseEvent) {
      const cell = target instanceof Element ? target.closest(".cell") : null;
      setHovered(cell?.getAttribute("data-app") ?? "");
    },
    onMouseLeave: () => setHovered(""),
  };
}
