import type { Model } from "../model.ts";
import { Address, AppLink, ContainerLink, NodeLink } from "../parts.tsx";
import { href } from "../route.ts";

/** How many of each kind are shown. */
const MOST = 50;

/** Everything whose name, id or address has the query in it. */
export function SearchView({ model, query }: { model: Model; query: string }) {
  const wanted = query.trim().toLowerCase();
  const has = (...texts: string[]) =>
    wanted !== "" && texts.some((text) => text.toLowerCase().includes(wanted));
  const apps = [...model.apps.values()];
  const groups = apps.flatMap((app) => app.groups);
  const found = [
    [
      "Apps",
      apps.filter(({ name }) => has(name))
        .map(({ name }) => [name, <AppLink name={name} />]),
    ],
    [
      "Groups",
      groups.filter(({ name, mountpoints }) => has(name, ...mountpoints))
        .map(({ app, name, mountpoints }) => [
          `${app}/${name}`,
          <>
            <a href={href(["app", app])}>{name}</a> {mountpoints.join(", ")}
          </>,
        ]),
    ],
    [
      "Nodes",
      [...model.nodes.values()].filter(({ name, ip }) => has(name, ip))
        .map(({ name, ip }) => [
          name,
          <>
            <NodeLink name={name} /> {ip}
          </>,
        ]),
    ],
    [
      "Containers",
      groups.flatMap(({ containers }) => containers)
        .filter(({ id, ip, info }) => has(id, ip, info.Image))
        .map((one) => [
          one.id,
          <>
            <ContainerLink container={one} /> {one.group}{" "}
            <Address ip={one.ip} />
          </>,
        ]),
    ],
    [
      "Settings",
      model.config.filter(([name]) => has(name))
        .map(([name]) => [name, <a href={href(["config"])}>{name}</a>]),
    ],
  ] as const;
  const isEmpty = found.every(([, items]) => items.length === 0);
  return (
    <>
      <h1>Search</h1>
      {isEmpty && (
        <p class="dim">
          {wanted === ""
            ? "Type what to look for."
            : `Nothing has ${query} in it.`}
        </p>
      )}
      {found.filter(([, items]) => items.length > 0).map(([title, items]) => (
        <section key={title}>
          <h2>{title} ({items.length})</h2>
          <ul class="found">
            {items.slice(0, MOST).map(([key, item]) => (
              <li key={String(key)}>{item}</li>
            ))}
          </ul>
          {items.length > MOST && (
            <p class="dim">and {items.length - MOST} more</p>
          )}
        </section>
      ))}
    </>
  );
}
