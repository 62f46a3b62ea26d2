/// <reference lib="dom" />
/**
 * What a browser does by itself when one goes from page to page: a new one
 * begins at its top, one that was seen before is where it was left, and the
 * keyboard goes on in it.
 *
 * @module
 */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { href, type Route } from "./route.ts";

/** Under which name a reload finds where one was. */
const STORED = "lainlet.places";

/** Of so many entries of the history it is kept. */
const MOST = 200;

/** How far down one was, in px, by the entry's key. */
const places = new Map<string, number>(stored());

function stored(): [string, number][] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(STORED) ?? "{}");
    return Object.entries(Object(kept)).map(([key, y]) => [key, Number(y)]);
  } catch {
    // A browser may forbid it, and anybody may have written there.
    return [];
  }
}

function store(): void {
  const newest = [...places].slice(-MOST);
  try {
    sessionStorage.setItem(STORED, JSON.stringify(Object.fromEntries(newest)));
  } catch {
    // A reload begins at the top, then.
  }
}

/** Notes where one is in a view that is about to be left. */
export function leave({ entry: { key } }: Route): void {
  places.delete(key);
  places.set(key, scrollY);
}

/** @param isThere the view is drawn, and not only that it will be */
export function useArrival(route: Route, isThere: boolean): void {
  const { entry: { key } } = route;
  const before = useRef<Route>(undefined);
  useLayoutEffect(() => {
    if (!isThere) return;
    const known = places.get(key);
    scrollTo(0, known ?? 0);
    if (
      before.current !== undefined && document.activeElement === document.body
    ) {
      const left = href(before.current.path, before.current.params);
      focusOn(known === undefined ? undefined : left);
    }
  }, [key, isThere]);
  useLayoutEffect(() => {
    if (isThere) before.current = route;
  }, [route, isThere]);
  useEffect(() => {
    history.scrollRestoration = "manual";
    const keep = () => {
      leave(route);
      store();
    };
    addEventListener("pagehide", keep);
    return () => removeEventListener("pagehide", keep);
  }, [route]);
}

/** Goes on where one comes back from, or at the beginning. */
function focusOn(link: string | undefined): void {
  const main = document.getElementById("main");
  const place = link !== undefined &&
    main?.querySelector<HTMLElement>(`a[href="${CSS.escape(link)}"]`);
  (place || main)?.focus({ preventScroll: true });
}
