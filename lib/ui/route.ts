import { useEffect, useState } from "preact/hooks";
import type { Params } from "../model/mod.ts";

/** A view and its parameters. They are in the fragment of the page's URL, so that each view can be shared and reloaded. */
export interface Route {
  /** `["app", "console"]`; empty for the cluster. */
  readonly path: readonly string[];
  /** `q` of {@linkcode params}. */
  readonly query: string;
  /** Filters and order: `?app=shop&sort=-restarts`. */
  readonly params: Params;
  readonly entry: HistoryState;
}

/** State of an entry of the browser's history. */
export interface HistoryState {
  readonly key: string;
  /** Another view is one step back: {@linkcode setQuery} left it for this one. */
  readonly hasPrevious: boolean;
  /** Parameters that are not in the URL, by the part of the view. */
  readonly params: Readonly<Record<string, Params>>;
}

/** Percent-encoded; a lone surrogate, which URLs cannot hold, is U+FFFD. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** The URL of a view. @param query `q`, or all parameters */
export function href(
  path: readonly string[],
  query: string | Params = "",
): string {
  const view = path.map(encoded).join("/");
  const params = typeof query === "string" ? { q: query } : query;
  const search = Object.entries(params).filter(([, value]) => value !== "")
    .map((pair) => pair.map(encoded).join("=")).join("&");
  return `#/${view}${search && `?${search}`}`;
}

/** The URL of lainlet, which may have a path: that of a proxy. */
export function base(): string {
  return new URL(".", location.href).href;
}

/** Parses a URL's fragment: path and parameters. */
export function parseFragment(hash: string): Pick<Route, "path" | "params"> {
  const [view = "", search = ""] = hash.replace(/^#\/?/, "").split("?");
  return {
    path: view.split("/").filter((step) => step !== "").map(decoded),
    params: Object.fromEntries(new URLSearchParams(search)),
  };
}

function read(): Route {
  const { path, params } = parseFragment(location.hash);
  return { path, params, query: params.q ?? "", entry: historyState() };
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

/** State of the current entry; a new entry gets its key when it is first read. */
function historyState(): HistoryState {
  const { key, hasPrevious, params } = Object(history.state);
  if (typeof key === "string") {
    return { key, hasPrevious: hasPrevious === true, params: Object(params) };
  }
  const fresh = newState(false);
  history.replaceState(fresh, "");
  return fresh;
}

function newState(hasPrevious: boolean): HistoryState {
  return {
    key: String(performance.timeOrigin + performance.now()),
    hasPrevious,
    params: {},
  };
}

/**
 * Parameters of a part of a view that are not in the URL. They are kept with
 * the entry of the history: Back and a reload restore them.
 *
 * @param name of the part, which the view has once
 */
export function useEntryParams(
  name: string,
): readonly [Params, (params: Params) => void] {
  const [params, setParams] = useState<Params>(() =>
    historyState().params[name] ?? {}
  );
  return [params, (next) => {
    const state = historyState();
    const all = { ...state.params, [name]: next };
    history.replaceState({ ...state, params: all }, "");
    setParams(next);
  }];
}

/** The route of the current URL. @param onLeave called with the route that is left, while it is still drawn */
export function useRoute(onLeave: (route: Route) => void): Route {
  const [route, setRoute] = useState(read);
  useEffect(() => {
    let last = route;
    const follow = () => {
      onLeave(last);
      last = read();
      setRoute(last);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

/**
 * Changes the parameters of the current view, without a step in the history
 * for each letter typed; another view is a step.
 */
export function setQuery(
  path: readonly string[],
  query: string | Params,
): void {
  const url = href(path, query);
  const current = read();
  if (href(current.path) === href(path)) {
    history.replaceState(current.entry, "", url);
  } else history.pushState(newState(true), "", url);
  dispatchEvent(new Event("hashchange"));
}
