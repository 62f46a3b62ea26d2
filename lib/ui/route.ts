import { useEffect, useState } from "preact/hooks";

/** What the page shows: the path and the query of its URL's fragment, so that each view can be shared and reloaded. */
export interface Route {
  /** `["app", "console"]`; empty for the first view. */
  readonly path: readonly string[];
  /** What is looked for: `q` of {@linkcode params}. */
  readonly query: string;
  /** How a view is filtered and ordered: `?app=shop&sort=-restarts`. */
  readonly params: Params;
}

/** A query's parameters; one that is empty is as if it were not there. */
export type Params = Readonly<Record<string, string>>;

/** The URL of a view. @param query `q`, or all parameters */
export function href(
  path: readonly string[],
  query: string | Params = "",
): string {
  const way = path.map(encodeURIComponent).join("/");
  const params = typeof query === "string" ? { q: query } : query;
  const search = Object.entries(params).filter(([, value]) => value !== "")
    .map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
  return `#/${way}${search && `?${search}`}`;
}

function read(): Route {
  const [way = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const params = Object.fromEntries(new URLSearchParams(search));
  return {
    path: way.split("/").filter((step) => step !== "").map(decoded),
    query: params.q ?? "",
    params,
  };
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

/** The present route; follows the URL. */
export function useRoute(): Route {
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const follow = () => setRoute(read());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

/** Changes the query of the present view's URL, without a step in the history. */
export function setQuery(
  path: readonly string[],
  query: string | Params,
): void {
  history.replaceState(null, "", href(path, query));
  dispatchEvent(new Event("hashchange"));
}
