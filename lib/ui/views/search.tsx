import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { Model } from "../../model/mod.ts";
import { Address, AppLink, ContainerLink, NodeLink } from "../parts.tsx";
import { href } from "../route.ts";

/** How many of each kind are shown. */
const MOST = 50;

/** What can be found. */
interface Item {
  readonly key: string;
  /** What it is found by; the first is its name. */
  readonly texts: readonly string[];
  readonly show: () => ComponentChildren;
}

/** Everything whose name, id or address has the query in it, the likeliest first. */
export function SearchView({ model, query }: { model: Model; query: string }) {
  const wanted = query.trim().toLowerCase();
  const kinds = useMemo(() => kindsOf(model), [model]);
  if (wanted === "") return <Nothing title="Search" model={model} />;
  const found = kinds.map(([title, items]) =>
    [title, matching(items, wanted)] as const
  ).filter(([, items]) => items.length > 0);
  if (found.length === 0) {
    return <Nothing title={`Nothing has ${query} in it.`} model={model} />;
  }
  return (
    <>
      <h1>Search</h1>
      <p class="dim keys">
        <kbd>Enter</kbd> opens the first, <kbd>↑</kbd> <kbd>↓</kbd>{" "}
        go through them, <kbd>Esc</kbd> goes back.
      </p>
      {found.map(([title, items]) => (
        <section key={title}>
          <h2>{title} ({items.length})</h2>
          <ul class="found">
            {items.slice(0, MOST).map(({ key, show }) => (
              <li key={key}>{show()}</li>
            ))}
          </ul>
          {items.length > MOST && (
            <p class="dim">and {items.length - MOST} more: say more of it</p>
          )}
        </section>
      ))}
    </>
  );
}

/** What may be looked for, when nothing is, or is found. */
function Nothing({ title, model }: { title: string; model: Model }) {
  const [app] = model.apps.keys();
  const [node] = model.nodes.values();
  const examples = [app, node?.name, node?.ip]
    .filter((one) => one !== undefined && one !== "");
  return (
    <>
      <h1>{title}</h1>
      <p>
        Apps, pod groups and their mount points, nodes, containers, portals and
        settings are found by a part of their name, id, image or address.
      </p>
      {examples.length > 0 && (
        <p>
          For instance: {examples.map((one, i) => (
            <>
              {i > 0 && ", "}
              <a href={href(["search"], one)}>{one}</a>
            </>
          ))}
        </p>
      )}
    </>
  );
}

/** The items that have it, those first whose name it is or begins with. */
function matching(items: readonly Item[], wanted: string): Item[] {
  const rank = ({ texts }: Item) => {
    const [name = ""] = texts;
    if (name.toLowerCase() === wanted) return 0;
    return name.toLowerCase().startsWith(wanted) ? 1 : 2;
  };
  return items
    .filter(({ texts }) =>
      texts.some((text) => text.toLowerCase().includes(wanted))
    )
    .sort((a, b) => rank(a) - rank(b));
}

function kindsOf(model: Model): [title: string, items: readonly Item[]][] {
  const apps = [...model.apps.values()];
  const groups = apps.flatMap((app) => app.groups);
  return [
    [
      "Apps",
      apps.map(({ name }) => ({
        key: name,
        texts: [name],
        show: () => <AppLink name={name} />,
      })),
    ],
    [
      "Groups",
      groups.map(({ app, name, mountpoints }) => ({
        key: `${app}/${name}`,
        texts: [name, ...mountpoints],
        show: () => (
          <>
            <a href={href(["app", app])}>{name}</a> {mountpoints.join(", ")}
          </>
        ),
      })),
    ],
    [
      "Nodes",
      [...model.nodes.values()].map(({ name, ip }) => ({
        key: name,
        texts: [name, ip],
        show: () => (
          <>
            <NodeLink name={name} /> {ip}
          </>
        ),
      })),
    ],
    [
      "Containers",
      groups.flatMap(({ containers }) => containers).map((one) => ({
        key: one.id,
        texts: [one.id, one.ip, one.info.Image],
        show: () => (
          <>
            <ContainerLink container={one} /> {one.group} {one.instance}{" "}
            <Address ip={one.ip} /> on {one.node}
          </>
        ),
      })),
    ],
    [
      "Portals",
      model.portals.map(({ addresses, app, node, service }) => ({
        key: `${service} ${node} ${app}`,
        texts: [service, ...addresses],
        show: () => (
          <>
            <NodeLink name={node} /> {service} for {app}:{" "}
            {addresses.map((one) => <Address key={one} ip={one} />)}
          </>
        ),
      })),
    ],
    [
      "Settings",
      model.config.map(([name]) => ({
        key: name,
        texts: [name],
        show: () => <a href={href(["config"], name)}>{name}</a>,
      })),
    ],
  ];
}
