import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { number } from "../../model/format.ts";
import type { Model } from "../../model/mod.ts";
import {
  type Found,
  type FoundKind,
  search,
  similarQuery,
} from "../../model/search.ts";
import { useNow } from "../connection_state.ts";
import { Copyable, Mark } from "../parts.tsx";
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
  const found = useMemo(
    () => search(model, query, MAX_LISTED),
    [model, query],
  );
  if (query.trim() === "") return <Examples title="Search" model={model} />;
  if (found.length === 0) return <NoResults model={model} query={query} />;
  return (
    <>
      <h1>Search</h1>
      <p class="dim keys">
        <kbd>Enter</kbd> opens the first, <kbd>↑</kbd> <kbd>↓</kbd>{" "}
        move through them, <kbd>Esc</kbd> goes back.
      </p>
      {found.map((one) => <Results key={one.kind} of={one} />)}
    </>
  );
}

function NoResults({ model, query }: { model: Model; query: string }) {
  const similar = useMemo(() => similarQuery(model, query), [model, query]);
  return (
    <Examples title={`No results for "${query}"`} model={model}>
      {similar !== undefined && (
        <p>
          Did you mean <a href={href(["search"], similar)}>{similar}</a>?
        </p>
      )}
    </Examples>
  );
}

function Results({ of: { count, found, kind } }: { of: FoundKind }) {
  const more = count - found.length;
  const now = useNow();
  return (
    <section>
      <h2>{TITLES[kind]} ({number(count)})</h2>
      <ul class="found">
        {found.map((one) => (
          <li key={`${one.name} ${one.node} ${one.address}`}>
            <Result found={one} now={now} />
          </li>
        ))}
      </ul>
      {more > 0 && (
        <p class="dim">{number(more)} more: type more to find them.</p>
      )}
    </section>
  );
}

function Result({ found, now }: { found: Found; now: number }) {
  const { address, detail, kind, link, name, node, status, statusText } = found;
  return (
    <>
      <a href={href(link.path, link.params)}>{name}</a> {detail}{" "}
      {address && <Copyable text={address} isWhole />}{" "}
      {node && kind !== "node" && `on ${node}`}{" "}
      {status && <Mark status={status} text={statusText?.(now) ?? ""} />}
    </>
  );
}

/** What can be found, when there is no query or no result. */
function Examples({ children, model, title }: {
  children?: ComponentChildren;
  model: Model;
  title: string;
}) {
  const [app] = model.apps.keys();
  const [node] = model.nodes.values();
  const examples = [app, node?.name, node?.ip]
    .filter((one) => one !== undefined && one !== "");
  return (
    <>
      <h1>{title}</h1>
      {children}
      <p>
        Search finds apps, groups, nodes, pods, portals and settings by parts of
        their names, URLs, addresses, container ids, images and versions. Each
        word must match.
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
