import { useEffect, useState } from "preact/hooks";

/** What the page shows: the path and the query of its URL's fragment, so that each view can be shared and reloaded. */
export interface Route {
  /** `["app", "console"]`; empty for the first view. */
  readonly path: readonly string[];
  readonly query: string;
}

/** The URL of a view. */
export function href(path: readonly string[], query = ""): string {
  const way = path.map(encodeURIComponent).join("/");
  return `#/${way}${query === "" ? "" : `?q=${encodeURIComponent(query)}`}`;
}

function read(): Route {
  const [way = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: way.split("/").filter((step) => step !== "").map(decoded),
    query: new URLSearchParams(search).get("q") ?? "",
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
export function setQuery(path: readonly string[], query: string): void {
  history.replaceState(null, "", href(path, query));
  dispatchEvent(new Event("hashchange"));
}
