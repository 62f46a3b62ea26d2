/// <reference lib="dom" />
import { useEffect, useState } from "preact/hooks";

/** Rules that change without a change to any element: there may be thousands. */
const sheet = new CSSStyleSheet();

/**
 * Highlights the cells of an app, and while the pointer is on a cell those of
 * its app.
 *
 * @returns what the element with the cells has to listen to
 */
export function useHighlight(app: string) {
  const [hovered, setHovered] = useState("");
  useEffect(() => {
    document.adoptedStyleSheets = [sheet];
    return () => {
      document.adoptedStyleSheets = [];
    };
  }, []);
  useEffect(() => {
    const name = hovered || app;
    const cells = `.cell[data-app="${CSS.escape(name)}"]`;
    sheet.replaceSync(
      name === "" ? "" : `
        .map .cell { opacity: 0.35; }
        ${cells} { opacity: 1; outline: 2px solid var(--text); }`,
    );
  }, [app, hovered]);
  return {
    onMouseOver({ target }: MouseEvent) {
      const cell = target instanceof Element ? target.closest(".cell") : null;
      setHovered(cell?.getAttribute("data-app") ?? "");
    },
    onMouseLeave: () => setHovered(""),
  };
}
