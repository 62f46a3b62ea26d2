/// <reference lib="dom" />
/**
 * Keys: `/` focuses the search, `g` and a letter go to a view, `j` and `k` move
 * through rows, `.` copies, `?` shows them all. In the search, arrows move
 * through its results, Enter opens the first, Esc returns to the view before.
 *
 * @module
 */
import { useEffect } from "preact/hooks";
import { href, type Route } from "./route.ts";

/** The id of the search field. */
export const SEARCH = "search";

/** The id of the dialog that shows the keys. */
export const KEYS_DIALOG = "keys";

/** The keys after `g`, by the first part of the view's path. */
export const VIEW_KEYS: Readonly<Record<string, string>> = {
  "": "c",
  apps: "a",
  pods: "p",
  nodes: "n",
  changes: "h",
  config: "s",
  lainlet: "l",
};

/** Results, wherever they are on the page. */
const RESULTS = ".found a";

/** What `j` and `k` move through: rows and items that can be focused. */
const ITEMS = "main :is(tbody tr, .found > li, .changes > li, .issue li)";

/** What has the focus in an item. */
const FOCUSABLE = "a, button, summary";

/** How long a `g` waits for its letter, in ms. */
const PREFIX_TIME = 1_500;

/** What a key does. */
export type KeyAction =
  | {
    readonly action:
      | "copy"
      | "field"
      | "keys"
      | "leave"
      | "open"
      | "prefix"
      | "search";
  }
  | { readonly action: "view"; readonly view: string }
  | { readonly action: "item"; readonly step: 1 | -1 }
  | { readonly action: "result"; readonly index: number };

/** Where a key is pressed. */
export interface KeyContext {
  /** The first part of the view's path. */
  readonly view: string;
  /** Whether keys are text there. */
  readonly isEditable: boolean;
  readonly isInSearch: boolean;
  /** Whether the key before was `g`. */
  readonly isAfterPrefix: boolean;
  /** How many results there are, and which has the focus; -1: none. */
  readonly results: number;
  readonly focused: number;
}

/** The action of a key; undefined: it is left to the browser. */
export function keyAction(
  key: string,
  context: KeyContext,
): KeyAction | undefined {
  const { isEditable, isAfterPrefix } = context;
  if (isEditable) return searchAction(key, context);
  if (isAfterPrefix) {
    const view = Object.keys(VIEW_KEYS).find((one) => VIEW_KEYS[one] === key);
    if (view !== undefined) return { action: "view", view };
  }
  switch (key) {
    case "/":
      return { action: "search" };
    case "?":
      return { action: "keys" };
    case "g":
      return { action: "prefix" };
    case "j":
      return { action: "item", step: 1 };
    case "k":
      return { action: "item", step: -1 };
    case ".":
      return { action: "copy" };
  }
  return searchAction(key, context);
}

/** The action of a key in the search and its results. */
function searchAction(
  key: string,
  { focused, isEditable, isInSearch, results, view }: KeyContext,
): KeyAction | undefined {
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

/** Shows the keys. */
export function showKeys(): void {
  const dialog = document.getElementById(KEYS_DIALOG);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

export function useKeys(route: Route): void {
  useEffect(() => {
    let prefixed = -Infinity;
    const onKey = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      // A dialog has its own keys.
      if (event.isComposing || document.querySelector("dialog[open]")) return;
      const isAfterPrefix = event.timeStamp - prefixed < PREFIX_TIME;
      const action = actionOf(event, isAfterPrefix, route);
      if (event.key !== "Shift") prefixed = -Infinity;
      if (action === undefined) return;
      event.preventDefault();
      if (action.action === "prefix") prefixed = event.timeStamp;
      else act(action, route);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [route]);
}

function actionOf(
  { key, target }: KeyboardEvent,
  isAfterPrefix: boolean,
  { path: [view = ""] }: Route,
): KeyAction | undefined {
  const results = resultsOf(view);
  return keyAction(key, {
    view,
    isAfterPrefix,
    isEditable: target instanceof HTMLElement &&
      target.matches("input, select, textarea, [contenteditable]"),
    isInSearch: target === searchField(),
    results: results.length,
    focused: results.findIndex((one) => one === target),
  });
}

function resultsOf(view: string): readonly HTMLElement[] {
  return view === "search"
    ? [...document.querySelectorAll<HTMLElement>(RESULTS)]
    : [];
}

function searchField(): HTMLElement | null {
  return document.getElementById(SEARCH);
}

function act(action: KeyAction, { entry, path: [view = ""] }: Route): void {
  const field = searchField();
  switch (action.action) {
    case "search":
      field?.focus();
      if (field instanceof HTMLInputElement) field.select();
      break;
    case "field":
      field?.focus();
      break;
    case "result":
      resultsOf(view)[action.index]?.focus();
      break;
    case "open":
      // The view that is opened gets the focus.
      blur();
      resultsOf(view)[0]?.click();
      break;
    case "leave":
      blur();
      if (entry.hasPrevious) history.back();
      else location.hash = href([]);
      break;
    case "view":
      blur();
      location.hash = href(action.view === "" ? [] : [action.view]);
      break;
    case "item":
      moveBy(action.step);
      break;
    case "copy": {
      const place = document.activeElement?.closest(ITEMS) ?? document;
      place.querySelector<HTMLElement>(".copy")?.click();
      break;
    }
    case "keys":
      showKeys();
  }
}

/** Focuses the item after or before the one with the focus; without one, the first that is seen. */
function moveBy(step: 1 | -1): void {
  const items = [...document.querySelectorAll<HTMLElement>(ITEMS)]
    .filter((item) => item.querySelector(FOCUSABLE) !== null);
  const current = items.findIndex((item) =>
    item.contains(document.activeElement)
  );
  const header = document.querySelector(".top")?.getBoundingClientRect();
  const next = current === -1
    ? items.find((item) =>
      item.getBoundingClientRect().top >= (header?.bottom ?? 0)
    )
    : items[current + step];
  next?.querySelector<HTMLElement>(FOCUSABLE)?.focus();
}

function blur(): void {
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement) activeElement.blur();
}
