import { useMemo } from "preact/hooks";
import type { Model } from "../../model/mod.ts";
import { type Found, KINDS, search } from "../../model/search.ts";
import { Mark } from "../parts.tsx";
import { href } from "../route.ts";

/** Results of each kind that are listed, at most. */
const MAX_LISTED = 50;

const TITLES: Readonly<Record<Found["kind"], string>> = {
  app: "Apps",
  group: "Groups",
  node: "Nodes",
  pod: "Pods",
  portal: "Portals",
  config: "Settings",
};

/** What matches a query, by kind, the best matches first. */
export function SearchView({ model, query }: { model: Model; query: string }) {
  const found = useMemo(() => search(model, query), [model, query]);
  if (query.trim() === "") return <Examples title="Search" model={model} />;
  if (found.length === 0) {
    return <Examples title={`No results for "${query}"`} model={model} />;
  }
  const byKind = Map.groupBy(found, ({ kind }) => kind);
  return (
    <>
      <h1>Search</h1>
      <p class="dim keys">
        <kbd>Enter</kbd> opens the first, <kbd>↑</kbd> <kbd>↓</kbd>{" "}
        move through them, <kbd>Esc</kbd> goes back.
      </p>
      {KINDS.map((kind) => (
        <Results key={kind} title={TITLES[kind]} found={byKind.get(kind)} />
      ))}
    </>
  );
}

function Results({ title, found = [] }: {
  title: string;
  found?: readonly Found[];
}) {
  if (found.length === 0) return null;
  const more = found.length - MAX_LISTED;
  return (
    <section>
      <h2>{title} ({found.length})</h2>
      <ul class="found">
        {found.slice(0, MAX_LISTED).map((one) => (
          <li key={`${one.name} ${one.node} ${one.address}`}>
            <Result found={one} />
          </li>
        ))}
      </ul>
      {more > 0 && <p class="dim">{more} more: type more to find them.</p>}
    </section>
  );
}

function Result({ found }: { found: Found }) {
  const { address, detail, kind, link, name, node, status, statusText } = found;
  return (
    <>
      <a href={href(link.path, link.params)}>{name}</a> {detail}{" "}
      {address && <span class="mono line">{address}</span>}{" "}
      {node && kind !== "node" && `on ${node}`}{" "}
      {status && <Mark status={status} text={statusText ?? ""} />}
    </>
  );
}

/** What can be found, when there is no query or no result. */
function Examples({ title, model }: { title: string; model: Model }) {
  const [app] = model.apps.keys();
  const [node] = model.nodes.values();
  const examples = [app, node?.name, node?.ip]
    .filter((one) => one !== undefined && one !== "");
  return (
    <>
      <h1>{title}</h1>
      <p>
        Search finds apps, groups and their mount points, nodes, pods, portals
        and settings by parts of their names, ids, images and addresses.
      </p>
      {examples.length > 0 && (
        <p>
          Examples: {examples.map((one, i) => (
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
