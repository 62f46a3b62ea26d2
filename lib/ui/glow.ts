/// <reference lib="dom" />

/** How long what changed is marked, in ms. */
const GLOW = 1_500;

/**
 * In how many steps that fades: a browser draws a colour that changes anew for
 * each frame, which on a busy cluster takes half a core.
 */
const STEPS = 5;

/** Marks for a moment what changed; nothing moves for those who do not want that. */
export function glow(element: Element): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  element.animate([{ background: "var(--glow)" }, {}], {
    duration: GLOW,
    easing: `steps(${STEPS})`,
  });
}
