/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * The dashboard: what a browser shows of a cluster and its lainlet.
 *
 * @module
 */
import "./style.css";
import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { leave, useArrival } from "./arrival.ts";
import { Boundary, Fault } from "./boundary.tsx";
import { Frame } from "./frame.tsx";
import { useKeys } from "./keys.ts";
import { follow, type Live } from "./live.ts";
import { errorMessage } from "../client/client.ts";
import { type Model, modelOf } from "../model/mod.ts";
import { Paced } from "./pace.ts";
import { base, href, type Route, useRoute } from "./route.ts";
import { isOld, type Standing, standingOf, withFault } from "./standing.ts";
import { AppsView, AppView } from "./views/apps.tsx";
import { ChangesView } from "./views/changes.tsx";
import { ClusterView } from "./views/cluster.tsx";
import { ConfigView } from "./views/config.tsx";
import { Gone } from "./views/gone.tsx";
import { LainletView } from "./views/lainlet.tsx";
import { NodesView } from "./views/nodes.tsx";
import { ContainerView, NodeView } from "./views/places.tsx";
import { PodsView } from "./views/pods.tsx";
import { SearchView } from "./views/search.tsx";
import "./print.css";

function useLive(): Live {
  const [live, setLive] = useState<Live>({});
  useEffect(() => {
    const drawn = new Paced(setLive);
    const end = follow(base(), (live) => drawn.tell(live));
    return () => {
      end();
      drawn.end();
    };
  }, []);
  return live;
}

/** The model of what came, or why there is none. */
function made(overview: Live["overview"]): { model?: Model; fault?: string } {
  try {
    return { model: overview && modelOf(overview) };
  } catch (error) {
    console.error(error);
    return { fault: errorMessage(error) };
  }
}

function Page() {
  const live = useLive();
  const { overview } = live;
  const { model, fault } = useMemo(() => made(overview), [overview]);
  const [viewFault, setViewFault] = useState<string>();
  const route = useRoute(leave);
  const standing = standingOf(live);
  useArrival(route, model !== undefined);
  useKeys(route);
  return (
    <>
      <a class="skip" href="#main" onClick={toMain}>To the content</a>
      <Frame
        model={model}
        route={route}
        standing={withFault(standing, fault ?? viewFault)}
      />
      <main id="main" tabIndex={-1} class={isOld(standing) ? "old" : undefined}>
        {fault !== undefined
          ? <Fault why={fault} />
          : model === undefined
          ? (
            <p class="loading">
              {live.problem ?? live.waiting ?? "Asking lainlet …"}
            </p>
          )
          : (
            // Nothing of one view becomes a part of the next one, which would have its focus.
            <Boundary
              key={route.path.join("/")}
              from={[model, route]}
              onFault={setViewFault}
            >
              <View model={model} route={route} standing={standing} />
            </Boundary>
          )}
      </main>
    </>
  );
}

/** A fragment names a view here, so it cannot name a place. */
function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

interface ViewProps {
  readonly model: Model;
  readonly route: Route;
  readonly standing: Standing;
}

function View({ model, route, standing }: ViewProps) {
  const { path: [view = "", name = "", id = ""], params, query } = route;
  switch (view) {
    case "":
      return <ClusterView model={model} standing={standing} params={params} />;
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
        : <Gone view="app" name={name} />;
    }
    case "node": {
      const node = model.nodes.get(name);
      return node
        ? <NodeView model={model} node={node} />
        : <Gone view="node" name={name} />;
    }
    case "container": {
      const pod = model.nodes.get(name)?.pods
        .find(({ containers }) => containers.some((one) => one.id === id));
      const container = pod?.containers.find((one) => one.id === id);
      return pod && container
        ? <ContainerView pod={pod} container={container} />
        : <Gone view="container" name={name} id={id} />;
    }
    case "changes":
      return <ChangesView model={model} params={params} />;
    case "config":
      return <ConfigView model={model} params={params} />;
    case "lainlet":
      return <LainletView model={model} standing={standing} params={params} />;
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
      <p>There is no {name} at present.</p>
      <p>
        <a href={href(["search"], name)}>Search for it</a>, or see{" "}
        <a href={href(["changes"], name)}>what changed of it</a>.
      </p>
    </>
  );
}

const root = document.getElementById("root");
if (root !== null) {
  root.replaceChildren();
  render(
    <Boundary from={[]}>
      <Page />
    </Boundary>,
    root,
  );
}
