import { memo } from "preact/compat";
import type { Container, Model, Node } from "../model.ts";
import { AppLink, counted } from "../parts.tsx";
import { href } from "../route.ts";

/** Up to this many apps their colours are listed at once. */
const FEW = 40;

/** The nodes as a map of their containers: colour is the app, hollow has no address. */
export function ClusterView({ model }: { model: Model }) {
  const nodes = [...model.nodes.values()];
  const containers = nodes.flatMap((node) => node.containers);
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
      <Legend apps={[...model.apps.keys()]} />
      <ul class="nodes">
        {nodes.map((node) => <NodeCard key={node.name} node={node} />)}
      </ul>
    </>
  );
}

const NodeCard = memo(
  function NodeCard({ node }: { node: Node }) {
    const { name, ip, containers } = node;
    return (
      <li class="node">
        <h2>
          <a href={href(["node", name])}>{name}</a>
        </h2>
        <p class="dim">{ip}, {counted(containers.length, "container")}</p>
        <div class="map">
          {containers.map((one) => <Cell key={one.id} container={one} />)}
        </div>
      </li>
    );
  },
  // Lists are made anew for each state, what is in them is not.
  ({ node: a }, { node: b }) =>
    a.name === b.name && a.ip === b.ip &&
    a.containers.length === b.containers.length &&
    a.containers.every((one, i) => one === b.containers[i]),
);

/** The keyboard goes to the node, whose page lists what is here. */
function Cell({ container }: { container: Container }) {
  const { app, group, id, instance, ip, node } = container;
  const text = `${group} ${instance}, ${ip || "no address"}`;
  return (
    <a
      class={ip === "" ? "cell hollow" : "cell"}
      href={href(["container", node, id])}
      style={{ "--hue": hueOf(app) }}
      tabIndex={-1}
      title={text}
      aria-label={text}
    />
  );
}

/** What the colours mean. */
function Legend({ apps }: { apps: readonly string[] }) {
  return (
    <details class="legend" open={apps.length <= FEW}>
      <summary>Colours</summary>
      <ul>
        {apps.map((app) => (
          <li key={app}>
            <span class="cell" style={{ "--hue": hueOf(app) }} />
            <AppLink name={app} />
          </li>
        ))}
        <li>
          <span class="cell hollow" style={{ "--hue": "0" }} /> no address
        </li>
      </ul>
    </details>
  );
}

/** An app's colour, the same everywhere and always. */
function hueOf(app: string): string {
  let hash = 0x811c9dc5;
  for (const char of app) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  // Names that are alike differ in the low bits only: these are spread.
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return String(((hash ^ hash >>> 16) >>> 0) % 360);
}
