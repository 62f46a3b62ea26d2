/// <reference lib="dom" />

/** How long what changed is marked, in ms. */
const GLOW = 1_500;

/** Marks for a moment what changed; nothing moves for those who do not want that. */
export function glow(element: Element): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  element.animate([{ background: "var(--glow)" }, {}], {
    duration: GLOW,
    easing: "ease-in",
  });
}
