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

/** What a key does. */
export type KeyAction =
  | { readonly action: "search" | "field" | "open" | "leave" }
  | { readonly action: "result"; readonly index: number };

/** Where a key is pressed. */
export interface KeyContext {
  /** The first part of the view's path. */
  readonly view: string;
  /** Whether keys are text there. */
  readonly isEditable: boolean;
  readonly isInSearch: boolean;
  /** How many results there are, and which has the focus; -1: none. */
  readonly results: number;
  readonly focused: number;
}

/** The action of a key; undefined: it is left to the browser. */
export function keyAction(
  key: string,
  { focused, isEditable, isInSearch, results, view }: KeyContext,
): KeyAction | undefined {
  if (key === "/" && !isEditable) return { action: "search" };
  if (view !== "search") return undefined;
  if (key === "Escape" && (isInSearch || !isEditable)) {
    return { action: "leave" };
  }
  if (!isInSearch && focused === -1) return undefined;
  switch (key) {
    case "Enter":
      // On a result the browser opens it.
      return isInSearch && results > 0 ? { action: "open" } : undefined;
    case "ArrowDown":
      return { action: "result", index: Math.min(focused + 1, results - 1) };
    case "ArrowUp":
      return focused > 0
        ? { action: "result", index: focused - 1 }
        : { action: "field" };
  }
  return undefined;
}

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
  const [view = ""] = route.path;
  const results = view === "search"
    ? [...document.querySelectorAll<HTMLElement>(RESULTS)]
    : [];
  const action = keyAction(key, {
    view,
    isEditable: target instanceof HTMLElement &&
      target.matches("input, select, textarea, [contenteditable]"),
    isInSearch: target === field,
    results: results.length,
    focused: results.findIndex((one) => one === target),
  });
  switch (action?.action) {
    case "search":
      field?.focus();
      if (field instanceof HTMLInputElement) field.select();
      break;
    case "field":
      field?.focus();
      break;
    case "result":
      results[action.index]?.focus();
      break;
    case "open":
      // The view that is opened gets the focus.
      blur();
      results[0]?.click();
      break;
    case "leave":
      blur();
      if (route.entry.hasPrevious) history.back();
      else location.hash = href([]);
      break;
  }
  return action !== undefined;
}

function blur(): void {
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement) activeElement.blur();
}
