/// <reference lib="dom" />
/**
 * Keys: `/` goes to the search, the arrows through what it found, Enter to
 * the first of that, Esc back to where one was.
 *
 * @module
 */
import { useEffect } from "preact/hooks";
import { href, type Route } from "./route.ts";

/** The id of the field that is searched by. */
export const SEARCH = "search";

/** What is found, wherever it is on the page. */
const FOUND = ".found a";

export function useKeys(route: Route): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (act(event.key, event.target, route)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [route]);
}

/** @returns whether the key meant something */
function act(key: string, target: EventTarget | null, route: Route): boolean {
  const field = document.getElementById(SEARCH);
  const isInField = target === field;
  if (key === "/" && !isWritten(target)) {
    field?.focus();
    if (field instanceof HTMLInputElement) field.select();
    return true;
  }
  if (route.path[0] !== "search") return false;
  const found = [...document.querySelectorAll<HTMLElement>(FOUND)];
  const at = found.findIndex((one) => one === target);
  if (!isInField && at === -1) return key === "Escape" && leave(route);
  switch (key) {
    case "Escape":
      return leave(route);
    case "Enter":
      if (!isInField || found[0] === undefined) return false;
      // What is opened has the keyboard then.
      blur();
      found[0].click();
      return true;
    case "ArrowDown":
      found[at + 1]?.focus();
      return true;
    case "ArrowUp":
      (found[at - 1] ?? field)?.focus();
      return true;
  }
  return false;
}

/** Back to where one was before the search. */
function leave({ entry }: Route): true {
  blur();
  if (entry.isAside) history.back();
  else location.hash = href([]);
  return true;
}

function blur(): void {
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement) activeElement.blur();
}

/** Whether keys are text there. */
function isWritten(target: EventTarget | null): boolean {
  return target instanceof HTMLElement &&
    target.matches("input, select, textarea, [contenteditable]");
}
