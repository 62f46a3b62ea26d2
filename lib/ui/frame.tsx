/// <reference lib="dom" />
/**
 * What stands around each view: where one is, the ways to the others, and
 * whether what is shown is true.
 *
 * @module
 */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { icon } from "./icon.ts";
import { SEARCH } from "./keys.ts";
import type { Model } from "../model/mod.ts";
import { clock, seconds } from "./parts.tsx";
import { href, type Route, setQuery } from "./route.ts";
import { isOld, type Standing, useNow } from "./standing.ts";
import "./frame.css";

const TABS = [
  ["Cluster", []],
  ["Apps", ["apps"]],
  ["Pods", ["pods"]],
  ["Nodes", ["nodes"]],
  ["Changes", ["changes"]],
  ["Config", ["config"]],
  ["lainlet", ["lainlet"]],
] as const;

/** What is on a page of its own, and the view that lists it. */
const LISTS: Readonly<Record<string, string>> = {
  app: "apps",
  container: "pods",
  node: "nodes",
};

/** Whether a view is the one that is shown, or lists what is shown. */
function currentOf(tab: string, first: string): "page" | "true" | undefined {
  if (tab === first) return "page";
  return tab === LISTS[first] ? "true" : undefined;
}

interface FrameProps {
  readonly model?: Model;
  readonly route: Route;
  readonly standing: Standing;
}

/** Stays in view above the page, or at least what it has to warn of. */
export function Frame({ model, route, standing }: FrameProps) {
  const place = useHeight();
  const host = model?.present.host ?? "lainlet";
  const domain = model && domainOf(model);
  const [first = ""] = route.path;
  useMarks(standing, [...route.path, host, domain ?? ""]);
  useLayoutEffect(() => {
    // Where there is no room for all views, the present one is seen at least.
    const link = place.current?.querySelector<HTMLElement>("[aria-current]");
    link?.parentElement?.scrollTo({ left: link.offsetLeft - link.offsetWidth });
  }, [first]);
  return (
    <div class="top" ref={place}>
      <header>
        <a class="brand" href={href([])} title={`${host} ${domain ?? ""}`}>
          <strong>{host}</strong> <span class="dim">{domain}</span>
        </a>
        <nav aria-label="Views">
          {TABS.map(([name, path]) => (
            <a
              key={name}
              href={href(path)}
              aria-current={currentOf(path[0] ?? "", first)}
            >
              {name}
            </a>
          ))}
        </nav>
        <input
          id={SEARCH}
          type="search"
          aria-label="Search apps, groups, nodes, containers, settings"
          aria-keyshortcuts="/"
          placeholder="Search  /"
          value={first === "search" ? route.query : ""}
          onInput={(event) => setQuery(["search"], event.currentTarget.value)}
        />
        <p class={`status ${standing.kind}`} role="status">{standing.words}</p>
      </header>
      {isOld(standing) && <Banner host={host} standing={standing} />}
    </div>
  );
}

/** Says how old that is which is shown; it is no live region, as it says something else each second. */
function Banner({ host, standing }: { host: string; standing: Standing }) {
  const { kind, trueAt, why } = standing;
  const now = useNow();
  const problem = kind === "away"
    ? `There is no connection to lainlet on ${host}; trying again.`
    : `lainlet on ${host} does not know whether this is still true.`;
  return (
    <div class="banner">
      <strong>{problem}</strong> {trueAt !== undefined && (
        <span>
          What is shown is from <time>{clock(new Date(trueAt))}</time>,{" "}
          <span class="age">{seconds(Math.floor((now - trueAt) / 1000))}</span>
          {" "}
          ago.
        </span>
      )} <span class="why">{why}</span>
    </div>
  );
}

/** The name under which the cluster's apps are reached. */
function domainOf({ config }: Model): string | undefined {
  return config.find(([name]) => name === "domain")?.[1];
}

/** Says in the title, and by the icon, how things stand, for whoever looks at another page. */
function useMarks(standing: Standing, names: readonly string[]): void {
  const title = [...names, "lainlet"]
    .filter((name, i, all) => name !== "" && all.indexOf(name) === i)
    .join(" · ");
  const isGood = standing.kind === "good" || standing.kind === "asking";
  const mark = isGood ? "" : "(!) ";
  useEffect(() => {
    document.title = mark + title;
  }, [mark, title]);
  useEffect(() => {
    document.querySelector("link[rel=icon]")
      ?.setAttribute("href", icon(standing.kind));
  }, [standing.kind]);
}

/** Tells the style how much of the page is covered, for what stays in view below. */
function useHeight() {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      const { style } = document.documentElement;
      const header = element.firstElementChild?.clientHeight ?? 0;
      style.setProperty("--header", `${header}px`);
      // On a phone the header is not kept in view.
      const top = parseFloat(getComputedStyle(element).top);
      style.setProperty(
        "--top",
        `${Math.max(0, element.offsetHeight + top)}px`,
      );
    });
    observer.observe(element);
    observer.observe(document.documentElement);
    return () => observer.disconnect();
  }, []);
  return place;
}
