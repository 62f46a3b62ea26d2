/// <reference lib="dom" />
/**
 * Scrolling and focus as a browser does them between pages: a new view begins
 * at its top, one that was seen before is where it was left, and the keyboard
 * continues in it.
 *
 * @module
 */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { href, type Route } from "./route.ts";

/** Key of the positions in the session's storage, for reloads. */
const STORAGE_KEY = "lainlet.places";

/** Entries of the history whose positions are kept, at most. */
const MAX_ENTRIES = 200;

/** Scroll positions in px, by the history entry's key. */
const positions = new Map<string, number>(stored());

function stored(): [string, number][] {
  try {
    const text = sessionStorage.getItem(STORAGE_KEY) ?? "{}";
    const all: unknown = JSON.parse(text);
    return Object.entries(Object(all)).map(([key, y]) => [key, Number(y)]);
  } catch {
    // A browser may forbid storage, and anything may have been written there.
    return [];
  }
}

function store(): void {
  const newest = Object.fromEntries([...positions].slice(-MAX_ENTRIES));
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(newest));
  } catch {
    // Then a reload begins at the top.
  }
}

/** Keeps the scroll position of a view that is left. */
export function keepPosition({ entry: { key } }: Route): void {
  positions.delete(key);
  positions.set(key, scrollY);
}

/** Restores scroll position and focus when a view is drawn. */
export function useScrollRestoration(route: Route, isDrawn: boolean): void {
  const { entry: { key } } = route;
  const before = useRef<Route>(undefined);
  useLayoutEffect(() => {
    if (!isDrawn) return;
    const known = positions.get(key);
    scrollTo(0, known ?? 0);
    if (
      before.current !== undefined && document.activeElement === document.body
    ) {
      const left = href(before.current.path, before.current.params);
      focusOn(known === undefined ? undefined : left);
    }
  }, [key, isDrawn]);
  useLayoutEffect(() => {
    if (isDrawn) before.current = route;
  }, [route, isDrawn]);
  useEffect(() => {
    history.scrollRestoration = "manual";
    const onHide = () => {
      keepPosition(route);
      store();
    };
    addEventListener("pagehide", onHide);
    return () => removeEventListener("pagehide", onHide);
  }, [route]);
}

/** Focuses the link that was followed before, or the view itself. */
function focusOn(link: string | undefined): void {
  const main = document.getElementById("main");
  const element = link !== undefined &&
    main?.querySelector<HTMLElement>(`a[href="${CSS.escape(link)}"]`);
  (element || main)?.focus({ preventScroll: true });
}
