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
    const left = before.current;
    scrollTo(0, known ?? 0);
    const focus = () => {
      if (left === undefined || !isFocusFree()) return;
      focusOn(known === undefined ? undefined : href(left.path, left.params));
    };
    if (known === undefined) return focus();
    return hold(known, focus);
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

/** What a user does to scroll. */
const SCROLLING = ["keydown", "pointerdown", "touchstart", "wheel"] as const;

/**
 * Keeps the page at a position until the view has loaded what it shows: before,
 * the page may be too short, and what comes in above moves the rest. A user who
 * scrolls ends it.
 *
 * @param y the position in px
 * @param onEnd called when the position is reached and drawn, not when the user ends it
 * @returns ends it
 */
function hold(y: number, onEnd: () => void): () => void {
  const main = document.getElementById("main");
  let frame = 0;
  const end = () => {
    size.disconnect();
    cancelAnimationFrame(frame);
    for (const type of SCROLLING) removeEventListener(type, end);
  };
  const size = new ResizeObserver(() => {
    scrollTo(0, y);
    if (main?.querySelector("[aria-busy=true]")) return;
    end();
    // The rows there are drawn when the browser has scrolled.
    frame = requestAnimationFrame(onEnd);
  });
  for (const type of SCROLLING) addEventListener(type, end, { passive: true });
  if (main !== null) size.observe(main);
  return end;
}

/** Whether no element that the user chose has the focus. */
function isFocusFree(): boolean {
  const { activeElement, body } = document;
  return activeElement === body || activeElement?.id === "main";
}

/** Focuses the link that was followed before, or the view itself. */
function focusOn(link: string | undefined): void {
  const main = document.getElementById("main");
  const element = link !== undefined &&
    main?.querySelector<HTMLElement>(`a[href="${CSS.escape(link)}"]`);
  (element || main)?.focus({ preventScroll: true });
}
