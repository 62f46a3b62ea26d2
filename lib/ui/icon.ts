import type { Standing } from "./standing.ts";

const TROUBLE =
  '<path d="M8 1 15.5 15H.5Z" fill="#c62828"/><path d="M8 6v4m0 1.5v2" stroke="#fff" stroke-width="2"/>';

/** What is drawn on 16 by 16: a colour and a shape of its own for each. */
const SHAPES: Readonly<Record<Standing["kind"], string>> = {
  asking:
    '<circle cx="8" cy="8" r="6" fill="none" stroke="#7a828e" stroke-width="3"/>',
  good:
    '<circle cx="8" cy="8" r="7" fill="#1f8a4c"/><path d="M4.5 8.5 7 11l4.5-5.5" fill="none" stroke="#fff" stroke-width="2"/>',
  stale:
    '<path d="M8 1 15.5 15H.5Z" fill="#d97706"/><path d="M8 6v4m0 1.5v2" stroke="#fff" stroke-width="2"/>',
  away: TROUBLE,
  fault: TROUBLE,
};

/** The page's icon, as the URL of a picture. */
export function icon(kind: Standing["kind"]): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${
    SHAPES[kind]
  }</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
