import { memo } from "preact/compat";
import { useMemo } from "preact/hooks";
import type { Container, Model, Node } from "../model.ts";
import { AppLink, counted } from "../parts.tsx";
import { href } from "../route.ts";

/** Up to this many apps their colours are listed at once. */
const FEW = 40;

/** The nodes as a map of their containers: colour is the app, hollow has no address. */
export function ClusterView({ model }: { model: Model }) {
  const nodes = [...model.nodes.values()];
  const containers = nodes.flatMap((node) => node.containers);
  const apps = [...model.apps.keys()];
  const colours = useMemo(() => coloursOf(apps), [apps.join("/")]);
  const hollow = containers.filter(({ ip }) => ip === "").length;
  return (
    <>
      <h1>Cluster</h1>
      <p class="summary">
        {counted(nodes.length, "node")}, {counted(model.apps.size, "app")},{" "}
        {counted(containers.length, "container")}
        {hollow > 0 && (
          <>
            , <strong class="bad">{hollow} without an address</strong>
          </>
        )}
      </p>
      <Legend colours={colours} />
      <ul class="nodes">
        {nodes.map((node) => (
          <NodeCard key={node.name} node={node} colours={colours} />
        ))}
      </ul>
    </>
  );
}

interface NodeCardProps {
  node: Node;
  colours: ReadonlyMap<string, number>;
}

const NodeCard = memo(
  function NodeCard({ colours, node }: NodeCardProps) {
    const { name, ip, containers } = node;
    return (
      <li class="node">
        <h2>
          <a href={href(["node", name])}>{name}</a>
        </h2>
        <p class="dim">{ip}, {counted(containers.length, "container")}</p>
        <div class="map">
          {containers.map((one) => (
            <Cell
              key={one.id}
              container={one}
              colour={colours.get(one.app) ?? 0}
            />
          ))}
        </div>
      </li>
    );
  },
  // Lists are made anew for each state, what is in them is not.
  ({ colours, node: a }, { colours: next, node: b }) =>
    colours === next && a.name === b.name && a.ip === b.ip &&
    a.containers.length === b.containers.length &&
    a.containers.every((one, i) => one === b.containers[i]),
);

/** The keyboard goes to the node, whose page lists what is here. */
function Cell(
  { colour, container }: { colour: number; container: Container },
) {
  const { group, id, instance, ip, node } = container;
  const text = `${group} ${instance}, ${ip || "no address"}`;
  return (
    <a
      class={ip === "" ? "cell hollow" : "cell"}
      href={href(["container", node, id])}
      style={styleOf(colour)}
      tabIndex={-1}
      title={text}
      aria-label={text}
    />
  );
}

/** What the colours mean. */
function Legend({ colours }: { colours: ReadonlyMap<string, number> }) {
  return (
    <details class="legend" open={colours.size <= FEW}>
      <summary>Colours</summary>
      <ul>
        {[...colours].map(([app, colour]) => (
          <li key={app}>
            <span class="cell" style={styleOf(colour)} />
            <AppLink name={app} />
          </li>
        ))}
        <li>
          <span class="cell hollow" style={styleOf(0)} /> no address
        </li>
      </ul>
    </details>
  );
}

/** 24 hues in three shades. */
const COLOURS = 72;

/**
 * The apps' colours: of each its own, by its name, or the next one that is
 * left. So they hardly ever change when apps come and go.
 *
 * @returns numbers of colours
 */
function coloursOf(apps: readonly string[]): Map<string, number> {
  const colours = new Map<string, number>();
  const taken = new Set<number>();
  for (const app of apps) {
    let colour = hashOf(app) % COLOURS;
    while (taken.has(colour)) colour = (colour + 1) % COLOURS;
    colours.set(app, colour);
    taken.add(colour);
    if (taken.size === COLOURS) taken.clear();
  }
  return colours;
}

function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const char of name) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  // Names that are alike differ in the low bits only: these are spread.
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  return (hash ^ hash >>> 13) >>> 0;
}

/** Neighbours have hues that are far apart. */
function styleOf(colour: number): Record<string, string> {
  return {
    "--hue": String(colour * 7 % 24 * 15),
    "--light": `${(Math.floor(colour / 24) - 1) * 14}%`,
  };
}
