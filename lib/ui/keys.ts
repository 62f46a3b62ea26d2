/// <reference lib="dom" />
/**
 * Keys: `/` focuses the search, arrows move through its results, Enter opens
 * the first, Esc returns to the view before.
 *
 * @module
 */
import { useEffect } from "preact/hooks";
import { href, type Route } from "./route.ts";

/** The id of the search field. */
export const SEARCH = "search";

/** Results, wherever they are on the page. */
const RESULTS = ".found a";

export function useKeys(route: Route): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (handle(event.key, event.target, route)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [route]);
}

/** @returns whether the key was handled */
function handle(
  key: string,
  target: EventTarget | null,
  route: Route,
): boolean {
  const field = document.getElementById(SEARCH);
  const isInField = target === field;
  if (key === "/" && !isEditable(target)) {
    field?.focus();
    if (field instanceof HTMLInputElement) field.select();
    return true;
  }
  if (route.path[0] !== "search") return false;
  const results = [...document.querySelectorAll<HTMLElement>(RESULTS)];
  const at = results.findIndex((one) => one === target);
  if (!isInField && at === -1) return key === "Escape" && leave(route);
  switch (key) {
    case "Escape":
      return leave(route);
    case "Enter":
      if (!isInField || results[0] === undefined) return false;
      // The view that is opened gets the focus.
      blur();
      results[0].click();
      return true;
    case "ArrowDown":
      results[at + 1]?.focus();
      return true;
    case "ArrowUp":
      (results[at - 1] ?? field)?.focus();
      return true;
  }
  return false;
}

/** Returns to the view before the search. */
function leave({ entry }: Route): true {
  blur();
  if (entry.hasPrevious) history.back();
  else location.hash = href([]);
  return true;
}

function blur(): void {
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement) activeElement.blur();
}

/** Whether keys are text there. */
function isEditable(target: EventTarget | null): boolean {
  return target instanceof HTMLElement &&
    target.matches("input, select, textarea, [contenteditable]");
}
