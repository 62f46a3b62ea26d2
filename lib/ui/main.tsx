/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * The dashboard: what a browser shows of a cluster and its lainlet.
 *
 * @module
 */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { follow, type Live } from "./live.ts";
import type { Model } from "./model.ts";
import { href, type Route, setQuery, useRoute } from "./route.ts";
import "./style.css";
import { AppsView, AppView } from "./views/apps.tsx";
import { ChangesView } from "./views/changes.tsx";
import { ClusterView } from "./views/cluster.tsx";
import { ConfigView } from "./views/config.tsx";
import { LainletView } from "./views/lainlet.tsx";
import { NodesView } from "./views/nodes.tsx";
import { ContainerView, NodeView } from "./views/places.tsx";
import { PodsView } from "./views/pods.tsx";
import { SearchView } from "./views/search.tsx";
import { seconds } from "./parts.tsx";

/** How often the page is drawn at most, in ms. */
const PACE = 250;

const TABS = [
  ["Cluster", []],
  ["Apps", ["apps"]],
  ["Pods", ["pods"]],
  ["Nodes", ["nodes"]],
  ["Changes", ["changes"]],
  ["Config", ["config"]],
  ["lainlet", ["lainlet"]],
] as const;

function useLive(): Live {
  const [live, setLive] = useState<Live>({ changes: [] });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let newest: Live;
    const end = follow(location.origin, (next) => {
      newest = next;
      // States may come faster than anybody can look.
      timer ??= setTimeout(() => {
        timer = undefined;
        setLive(newest);
      }, PACE);
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, []);
  return live;
}

function Page() {
  const live = useLive();
  const route = useRoute();
  const [first = ""] = route.path;
  useEffect(() => {
    document.title = ["lainlet", ...route.path].join(" · ");
  }, [route.path.join("/")]);
  return (
    <>
      <a class="skip" href="#main" onClick={toMain}>To the content</a>
      <header>
        <nav aria-label="Views">
          {TABS.map(([name, path]) => (
            <a
              key={name}
              href={href(path)}
              aria-current={first === (path[0] ?? "") ? "page" : undefined}
            >
              {name}
            </a>
          ))}
        </nav>
        <input
          type="search"
          aria-label="Search apps, groups, nodes, containers, settings"
          placeholder="Search"
          value={first === "search" ? route.query : ""}
          onInput={(event) => setQuery(["search"], event.currentTarget.value)}
        />
        <Status live={live} />
      </header>
      <main id="main" tabIndex={-1}>
        {live.model === undefined
          ? (
            <p class="loading">
              {live.problem ?? live.waiting ?? "Asking lainlet …"}
            </p>
          )
          : <View live={live} model={live.model} route={route} />}
      </main>
    </>
  );
}

/** A fragment names a view here, so it cannot name a place. */
function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** Whether what the page shows is the cluster's present state. */
function Status({ live: { heard, model, problem } }: { live: Live }) {
  const time = heard?.toTimeString().slice(0, 8);
  const text = problem !== undefined
    ? `no connection, trying again (${problem})` +
      (time === undefined ? "" : `; this is from ${time}`)
    : model === undefined
    ? "asking"
    : model.present.stale
    ? `behind by ${seconds(model.present.lag)}`
    : "in step";
  const isGood = text === "in step";
  return (
    <p class={isGood ? "status good" : "status bad"} role="status">
      {text}
    </p>
  );
}

function View(
  { live, model, route }: { live: Live; model: Model; route: Route },
) {
  const { path: [view = "", name = "", id = ""], params, query } = route;
  switch (view) {
    case "":
      return <ClusterView model={model} params={params} />;
    case "apps":
      return <AppsView model={model} params={params} />;
    case "pods":
      return <PodsView model={model} params={params} />;
    case "nodes":
      return <NodesView model={model} params={params} />;
    case "app": {
      const app = model.apps.get(name);
      return app
        ? <AppView model={model} app={app} />
        : <Missing name={name} />;
    }
    case "node": {
      const node = model.nodes.get(name);
      return node
        ? <NodeView model={model} node={node} />
        : <Missing name={name} />;
    }
    case "container": {
      const container = model.nodes.get(name)?.containers
        .find((one) => one.id === id);
      return container
        ? <ContainerView container={container} />
        : <Missing name={id} />;
    }
    case "changes":
      return <ChangesView changes={live.changes} query={query} />;
    case "config":
      return <ConfigView model={model} params={params} />;
    case "lainlet":
      return <LainletView model={model} />;
    case "search":
      return <SearchView model={model} query={query} />;
    default:
      return <Missing name={view} />;
  }
}

function Missing({ name }: { name: string }) {
  return (
    <>
      <h1>{name}</h1>
      <p class="dim">There is no {name} at present.</p>
    </>
  );
}

const root = document.getElementById("root");
if (root !== null) {
  root.replaceChildren();
  render(<Page />, root);
}
