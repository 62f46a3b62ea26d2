/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * The dashboard: what a browser shows of a cluster and its lainlet.
 *
 * @module
 */
import "./style.css";
import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { keepPosition, useScrollRestoration } from "./scroll.ts";
import { Boundary, Fault } from "./boundary.tsx";
import { Frame } from "./frame.tsx";
import { useKeys } from "./keys.ts";
import { type Overview, useOverview } from "./live.ts";
import { errorMessage } from "../client/client.ts";
import { bytes, percent, timeZone } from "../model/format.ts";
import { type Model, modelOf } from "../model/mod.ts";
import { href, type Route, useRoute } from "./route.ts";
import {
  type ConnectionState,
  connectionStateOf,
  isOutdated,
  withFault,
} from "./connection_state.ts";
import { AppsView, AppView } from "./views/apps.tsx";
import { ChangesView } from "./views/changes.tsx";
import { Removed } from "./views/removed.tsx";
import { ClusterView } from "./views/cluster.tsx";
import { ConfigView } from "./views/config.tsx";
import { LainletView } from "./views/lainlet.tsx";
import { NodesView, NodeView } from "./views/nodes.tsx";
import { findContainer, findPod, PodView } from "./views/pod.tsx";
import { PodsView } from "./views/pods.tsx";
import { SearchView } from "./views/search.tsx";
import "./print.css";

/** The model of an overview, judged again when time makes a difference; or why there is none. */
function useModel(overview: Overview["overview"]): ReturnType<typeof modelFor> {
  const [turn, setTurn] = useState(0);
  const last = useRef<Model>(undefined);
  const judged = useMemo(
    () => modelFor(overview, last.current),
    [overview, turn],
  );
  const { model } = judged;
  last.current = model ?? last.current;
  useEffect(() => {
    if (model === undefined || model.validUntil === Infinity) return;
    const timer = setTimeout(
      () => setTurn((turn) => turn + 1),
      Math.max(0, model.validUntil - Date.now()),
    );
    return () => clearTimeout(timer);
  }, [model]);
  return judged;
}

/** The model of an overview, or why there is none. @param last see {@linkcode modelOf} */
function modelFor(
  overview: Overview["overview"],
  last?: Model,
): { model?: Model; fault?: string } {
  try {
    return { model: overview && modelOf(overview, Date.now(), last) };
  } catch (error) {
    console.error(error);
    return { fault: errorMessage(error) };
  }
}

function Page() {
  const live = useOverview();
  const { overview } = live;
  const { model, fault } = useModel(overview);
  const [viewFault, setViewFault] = useState<string>();
  const route = useRoute(keepPosition);
  const state = connectionStateOf(live);
  useScrollRestoration(route, model !== undefined);
  useKeys(route);
  return (
    <>
      <a class="skip" href="#main" onClick={toMain}>Skip to content</a>
      <Frame
        model={model}
        route={route}
        state={withFault(state, fault ?? viewFault)}
      />
      <main
        id="main"
        tabIndex={-1}
        class={isOutdated(state) ? "old" : undefined}
      >
        {fault !== undefined
          ? <Fault reason={fault} />
          : model === undefined
          ? <p class="loading">{loadingText(live)}</p>
          : (
            // Views share no elements: one that is kept would keep the focus.
            <Boundary
              key={route.path.join("/")}
              from={[model, route]}
              onFault={setViewFault}
            >
              <View model={model} route={route} state={state} />
            </Boundary>
          )}
      </main>
      <footer>Times are in {timeZone()}.</footer>
    </>
  );
}

/** Why there is nothing to see yet. */
function loadingText({ problem, progress, waiting }: Overview): string {
  if (problem !== undefined) return problem || "No connection to lainlet";
  if (progress === undefined) return waiting ?? "Connecting to lainlet …";
  const { loaded, total } = progress;
  if (total === undefined) return `Loading the cluster: ${bytes(loaded)} …`;
  return `Loading the cluster: ${bytes(loaded)} of ${bytes(total)} (${
    percent(loaded / total)
  }) …`;
}

/** A fragment names a view here, and cannot name an element. */
function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

interface ViewProps {
  readonly model: Model;
  readonly route: Route;
  readonly state: ConnectionState;
}

function View({ model, route, state }: ViewProps) {
  const {
    path: [view = "", name = "", id = "", instance = ""],
    params,
    query,
  } = route;
  switch (view) {
    case "":
      return <ClusterView model={model} state={state} params={params} />;
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
        : <Removed view="app" name={name} app={name} />;
    }
    case "node": {
      const node = model.nodes.get(name);
      return node
        ? <NodeView model={model} node={node} />
        : <Removed view="node" name={name} />;
    }
    case "pod": {
      const found = findPod(model, name, id, instance);
      return found
        ? <PodView model={model} {...found} />
        : <Removed view="pod" name={`${id}/${instance}`} app={name} />;
    }
    case "container": {
      const found = findContainer(model, name, id);
      return found
        ? <PodView model={model} {...found} />
        : <Removed view="container" name={id} />;
    }
    case "changes":
      return <ChangesView model={model} params={params} />;
    case "config":
      return <ConfigView model={model} params={params} />;
    case "lainlet":
      return <LainletView model={model} state={state} params={params} />;
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
      <p>No view named "{name}".</p>
      <p>
        <a href={href(["search"], name)}>Search for it</a>, or see{" "}
        <a href={href(["changes"], name)}>its changes</a>.
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
