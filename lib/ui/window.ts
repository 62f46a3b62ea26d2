/// <reference lib="dom" />
import { useLayoutEffect, useState } from "preact/hooks";

/** Up to so many rows all are drawn, and around those that are seen so many more. */
const FEW = 120;
const MARGIN = 20;

/** Which rows are drawn, and how high those before and after them would be, in px. */
export interface Window {
  readonly first: number;
  readonly last: number;
  readonly before: number;
  readonly after: number;
}

const PAPER = matchMedia("print");

/** Of a long table's rows, which are all of one height, those near what is seen of the page; on paper all. */
export function useWindow(
  body: { readonly current: HTMLElement | null },
  count: number,
): Window {
  const [place, setPlace] = useState({ first: 0, last: FEW, height: 0 });
  useLayoutEffect(() => {
    if (count <= FEW) return;
    const look = () => {
      if (PAPER.matches) {
        return setPlace({ first: 0, last: Infinity, height: 0 });
      }
      const element = body.current;
      const row = element?.querySelector("tr:not(.space)");
      if (!element || !row) return;
      const { height } = row.getBoundingClientRect();
      const { top } = element.getBoundingClientRect();
      // In steps, so that not every pixel is a change.
      const seen = Math.floor(-top / height / MARGIN) * MARGIN;
      const rows = Math.ceil(innerHeight / height / MARGIN + 1) * MARGIN;
      const first = Math.max(0, seen - MARGIN);
      const last = Math.max(first, seen) + rows + MARGIN;
      setPlace((old) =>
        old.first === first && old.last === last && old.height === height
          ? old
          : { first, last, height }
      );
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    PAPER.addEventListener("change", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
      PAPER.removeEventListener("change", look);
    };
  }, [count]);
  if (count <= FEW) return { first: 0, last: count, before: 0, after: 0 };
  const last = Math.min(count, place.last);
  const first = Math.min(place.first, last);
  return {
    first,
    last,
    before: first * place.height,
    after: (count - last) * place.height,
  };
}
