/// <reference lib="dom" />
/**
 * The frame of each view: navigation, search, and whether what is shown is
 * current.
 *
 * @module
 */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { KEYS_DIALOG, SEARCH, showKeys, VIEW_KEYS } from "./keys.ts";
import { clock, duration } from "../model/format.ts";
import type { Model } from "../model/mod.ts";
import { href, type Route, setQuery } from "./route.ts";
import {
  type ConnectionState,
  iconUrl,
  isOutdated,
  useNow,
} from "./connection_state.ts";
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

/** Views of one thing, and the view that lists them. */
const LISTS: Readonly<Record<string, string>> = {
  app: "apps",
  container: "pods",
  node: "nodes",
  pod: "pods",
};

/** Whether a tab is the current view, or lists it. */
function currentOf(tab: string, first: string): "page" | "true" | undefined {
  if (tab === first) return "page";
  return tab === LISTS[first] ? "true" : undefined;
}

interface FrameProps {
  readonly model?: Model;
  readonly route: Route;
  readonly state: ConnectionState;
}

/** Stays in view above the page; on a phone only its warning does. */
export function Frame({ model, route, state }: FrameProps) {
  const top = useHeight();
  const host = model?.present.host ?? "lainlet";
  const domain = model && domainOf(model);
  const [first = ""] = route.path;
  useTitle(state, [...route.path, host, domain ?? ""]);
  return (
    <div class="top" ref={top}>
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
        <button
          type="button"
          class="help"
          aria-label="Keys"
          aria-keyshortcuts="?"
          onClick={showKeys}
        >
          ?
        </button>
        <p class={`status ${state.kind}`} role="status">{state.text}</p>
      </header>
      <KeysDialog />
      {isOutdated(state) && <Banner host={host} state={state} />}
    </div>
  );
}

/** What the keys do. */
const KEYS = [
  ["/", "search"],
  ["j k", "go to the next or the previous row"],
  ["Enter", "open it"],
  [".", "copy the address, or what else can be copied, of the row or the page"],
  ["?", "show this"],
  ["Esc", "close this; leave the search"],
] as const;

/** Opened by a key or by the header's button. */
function KeysDialog() {
  return (
    <dialog id={KEYS_DIALOG} aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl>
        {TABS.map(([name, path]) => (
          <div key={name}>
            <dt>
              <kbd>g</kbd> <kbd>{VIEW_KEYS[path[0] ?? ""]}</kbd>
            </dt>
            <dd>{name}</dd>
          </div>
        ))}
        {KEYS.map(([keys, text]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <>
                  <kbd>{key}</kbd>
                  {" "}
                </>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}

/** Says since when the page is out of date. It is no live region, as its text changes each second. */
function Banner({ host, state }: { host: string; state: ConnectionState }) {
  const { confirmed, kind, reason } = state;
  const now = useNow();
  const problem = kind === "lost"
    ? `No connection to lainlet on ${host}; reconnecting.`
    : `This may be out of date: ${reason || "lainlet cannot confirm it"}`;
  return (
    <div class="banner">
      <strong>{problem}</strong> {confirmed !== undefined && (
        <span>
          Last confirmed at <time>{clock(new Date(confirmed))}</time>,{" "}
          <span class="age">
            {duration(Math.max(1000, now - confirmed))}
          </span>{" "}
          ago.
        </span>
      )} {kind === "lost" && <span class="why">{reason}</span>}
    </div>
  );
}

/** The domain of the cluster's apps. */
function domainOf({ config }: Model): string | undefined {
  return config.find(([name]) => name === "domain")?.[1];
}

/** Shows the state in the title and the icon, which are seen from other tabs. */
function useTitle(state: ConnectionState, names: readonly string[]): void {
  const title = [...names, "lainlet"]
    .filter((name, i, all) => name !== "" && all.indexOf(name) === i)
    .join(" · ");
  const isGood = state.kind === "current" || state.kind === "connecting";
  const mark = isGood ? "" : "(!) ";
  useEffect(() => {
    document.title = mark + title;
  }, [mark, title]);
  useEffect(() => {
    document.querySelector("link[rel=icon]")
      ?.setAttribute("href", iconUrl(state.kind));
  }, [state.kind]);
}

/** Sets how much of the page is covered, for what sticks below. */
function useHeight() {
  const top = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = top.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      const { style } = document.documentElement;
      const header = element.firstElementChild
        ?.getBoundingClientRect().height ?? 0;
      style.setProperty("--header", `${header}px`);
      // On a phone the header scrolls away.
      const offset = parseFloat(getComputedStyle(element).top);
      style.setProperty(
        "--top",
        `${Math.max(0, element.getBoundingClientRect().height + offset)}px`,
      );
    });
    observer.observe(element);
    observer.observe(document.documentElement);
    return () => observer.disconnect();
  }, []);
  return top;
}
