import { useEffect, useState } from "preact/hooks";
import type { Params } from "../model/place.ts";

/** What the page shows: the path and the query of its URL's fragment, so that each view can be shared and reloaded. */
export interface Route {
  /** `["app", "console"]`; empty for the first view. */
  readonly path: readonly string[];
  /** What is looked for: `q` of {@linkcode params}. */
  readonly query: string;
  /** How a view is filtered and ordered: `?app=shop&sort=-restarts`. */
  readonly params: Params;
  /** The entry of the browser's history that this is. */
  readonly entry: Entry;
}

/** What is kept in the browser's history with each of its entries. */
export interface Entry {
  readonly key: string;
  /** One came from another view by {@linkcode setQuery}: one step back is there. */
  readonly isAside: boolean;
}

/** A part of a URL, which cannot hold a lone surrogate. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** The URL of a view. @param query `q`, or all parameters */
export function href(
  path: readonly string[],
  query: string | Params = "",
): string {
  const way = path.map(encoded).join("/");
  const params = typeof query === "string" ? { q: query } : query;
  const search = Object.entries(params).filter(([, value]) => value !== "")
    .map((pair) => pair.map(encoded).join("=")).join("&");
  return `#/${way}${search && `?${search}`}`;
}

/** Where lainlet is: a proxy may serve it, and this page with it, under a path. */
export function base(): string {
  return new URL(".", location.href).href;
}

function read(): Route {
  const [way = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const params = Object.fromEntries(new URLSearchParams(search));
  return {
    path: way.split("/").filter((step) => step !== "").map(decoded),
    query: params.q ?? "",
    params,
    entry: entry(),
  };
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

/** The present entry of the history; a new one gets its key when it is first read. */
function entry(): Entry {
  const { key, isAside } = Object(history.state);
  if (typeof key === "string") return { key, isAside: isAside === true };
  const fresh = newEntry(false);
  history.replaceState(fresh, "");
  return fresh;
}

function newEntry(isAside: boolean): Entry {
  return { key: String(performance.timeOrigin + performance.now()), isAside };
}

/** The present route; follows the URL. @param onLeave is told of the one before, which is still shown */
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
 * Changes the query: of the present view without a step in the history, so
 * that each letter typed is none; else with one, to where the path leads.
 */
export function setQuery(
  path: readonly string[],
  query: string | Params,
): void {
  const url = href(path, query);
  const now = read();
  if (href(now.path) === href(path)) history.replaceState(now.entry, "", url);
  else history.pushState(newEntry(true), "", url);
  dispatchEvent(new Event("hashchange"));
}
