/**
 * Search: by all that lainlet prints of a thing, for the command line and the
 * dashboard.
 *
 * @module
 */
import { closestTo } from "../suggest.ts";
import { memo } from "../memo.ts";
import { addressText, podName, shortVersion } from "./format.ts";
import { type Status, statusOf, statusText } from "./health.ts";
import type { App, Group, Link, Model, Node, Pod, Portal } from "./mod.ts";
import {
  appSummary,
  groupSummary,
  nodeSummary,
  type Summary,
  summaryText,
} from "./status.ts";

/** Kinds of what is found, in the order of the results. */
export const KINDS = [
  "app",
  "group",
  "node",
  "pod",
  "portal",
  "config",
] as const;

type Kind = typeof KINDS[number];

/** What a search finds. */
export interface Found {
  readonly kind: Kind;
  readonly name: string;
  readonly link: Link;
  readonly node?: string;
  readonly address?: string;
  /** More about it: mount points, the app of a portal. */
  readonly detail?: string;
  readonly status?: Status;
  /** @param now in ms since 1970; absent: without times */
  readonly statusText?: (now?: number) => string;
  /** Whether the query is a name, an address or an id of it. */
  readonly isExact: boolean;
}

/** What is found of a kind. */
export interface FoundKind {
  readonly kind: Kind;
  readonly count: number;
  /** Exact matches first, then those whose names begin with the query; in each, names are in natural order. */
  readonly found: readonly Found[];
}

/** Whether each word of a query is in a text, in any case; an empty query matches all. */
export function matcher(query: string): (text: string) => boolean {
  const words = wordsOf(query);
  return (text) => {
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
}

/** The words of a query in lower case, URLs without scheme and final slash; all of them must match. */
function wordsOf(query: string): string[] {
  return query.toLowerCase().split(/\s+/).map(withoutScheme)
    .filter((word) => word !== "");
}

const SCHEME = /^[a-z][a-z\d+.-]*:\/\//;

function withoutScheme(word: string): string {
  const path = SCHEME.test(word) ? word.replace(/[?#].*/, "") : word;
  return path.replace(SCHEME, "").replace(/\/+$/, "");
}

/** A thing with what it is found by: its lines in lower case, between line breaks; the first is its name. */
interface Candidate {
  readonly lines: string;
  readonly found: () => Omit<Found, "isExact">;
}

/** What a query is compared with. */
interface Pattern {
  /** Each is a part of a line. */
  readonly words: readonly string[];
  /** Whole lines: the query, and the pod's name or the container's id that it may be. */
  readonly exact: readonly string[];
}

/**
 * Finds what matches a query; nothing for an empty one. Where nothing matches,
 * ports and the ends of URLs are left out.
 *
 * @param limit how many of each kind are returned
 */
export function search(
  model: Model,
  query: string,
  limit = Infinity,
): FoundKind[] {
  const candidates = candidatesOf(model);
  for (const pattern of patternsOf(query)) {
    const found = KINDS.map((kind) =>
      bestOf(kind, candidates[kind], pattern, limit)
    ).filter(({ count }) => count > 0);
    if (found.length > 0) return found;
  }
  return [];
}

/** The query as it is, then with less and less of its ports and URLs. */
function* patternsOf(query: string): Generator<Pattern> {
  const words = wordsOf(query);
  if (words.length === 0) return;
  yield patternOf(words);
  const urls = query.toLowerCase().split(/\s+/).filter((word) =>
    SCHEME.test(word)
  ).map(withoutScheme);
  const isUrl = (word: string) => urls.some((url) => url.startsWith(word));
  for (let left = words;;) {
    const less = left.map((word) => {
      const end = isUrl(word) ? word.lastIndexOf("/") : -1;
      return end > 0 ? word.slice(0, end) : word.replace(/:\d+$/, "");
    });
    if (less.every((word, i) => word === left[i])) return;
    yield patternOf(less);
    left = less;
  }
}

function patternOf(words: readonly string[]): Pattern {
  const wanted = words.join(" ");
  // The instance of a group: shop.web.web 2, shop.web.web.2, shop.web.web/2.
  const name = wanted.replace(/^(\S+)[ ./](\d+)$/, "$1/$2");
  // A container's key with the address of its node.
  const id = wanted.replace(/^[\da-f.:]+\/(\S{12,})$/, "$1");
  return { words, exact: [...new Set([wanted, name, id])] };
}

function bestOf(
  kind: Kind,
  candidates: readonly Candidate[],
  { exact, words }: Pattern,
  limit: number,
): FoundKind {
  const wholeLines = exact.map((line) => `\n${line}\n`);
  const beginnings = exact.map((line) => `\n${line}`);
  const ranked: [Candidate[], Candidate[], Candidate[]] = [[], [], []];
  const [same, beginning, others] = ranked;
  for (const candidate of candidates) {
    const { lines } = candidate;
    if (wholeLines.some((line) => lines.includes(line))) same.push(candidate);
    else if (words.every((word) => lines.includes(word))) {
      const begins = beginnings.some((name) => lines.startsWith(name));
      (begins ? beginning : others).push(candidate);
    }
  }
  const found = ranked.flatMap((all, rank) =>
    all.slice(0, limit).map((one) => ({ ...one.found(), isExact: rank === 0 }))
  );
  const count = ranked.reduce((sum, { length }) => sum + length, 0);
  return { kind, count, found: found.slice(0, limit) };
}

type Candidates = Readonly<Record<Kind, readonly Candidate[]>>;

const candidatesMade = new WeakMap<Model, Candidates>();
const madeOf = new WeakMap<object, Candidate>();

/** Of a thing that is the same in the next state, the candidate is, too. */
function candidatesOf(model: Model): Candidates {
  return memo(candidatesMade, model, () => {
    const apps = [...model.apps.values()];
    return {
      app: apps.map(appCandidate),
      group: apps.flatMap(({ groups }) => groups)
        .map((group) => memo(madeOf, group, () => groupCandidate(group))),
      node: Array.from(model.nodes.values(), nodeCandidate),
      pod: model.pods.map((pod) => memo(madeOf, pod, () => podCandidate(pod))),
      portal: model.portals.flatMap(portalCandidates),
      config: model.config.map(([name]) => ({
        lines: linesOf([name]),
        found: () => ({
          kind: "config",
          name,
          link: { path: ["config"], params: { q: name } },
        }),
      })),
    };
  });
}

function linesOf(texts: readonly string[]): string {
  return `\n${texts.join("\n")}\n`.toLowerCase();
}

function appCandidate(app: App): Candidate {
  const { name, versions } = app;
  return {
    lines: linesOf([name, ...versions]),
    found: () => ({
      kind: "app",
      name,
      link: { path: ["app", name] },
      ...statusIn(appSummary(app)),
    }),
  };
}

function groupCandidate(group: Group): Candidate {
  const { app, mountpoints, name } = group;
  return {
    lines: linesOf([
      name,
      `${app}/${name}`,
      shortName(app, name),
      ...mountpoints.map((one) => one.replace(/\/+$/, "")),
    ]),
    found: () => ({
      kind: "group",
      name,
      link: { path: ["app", app] },
      detail: mountpoints.join(", "),
      ...statusIn(groupSummary(group)),
    }),
  };
}

/** A group without its type: `shop.web` of `shop.worker.web`. */
function shortName(app: string, group: string): string {
  return `${app}.${group.slice(group.lastIndexOf(".") + 1)}`;
}

function nodeCandidate(node: Node): Candidate {
  const { ip, key, name } = node;
  return {
    lines: linesOf([name, ip, key]),
    found: () => ({
      kind: "node",
      name,
      link: { path: ["node", name] },
      node: name,
      address: ip,
      ...statusIn(nodeSummary(node)),
    }),
  };
}

function podCandidate(pod: Pod): Candidate {
  const { app, containers, group, instance, ip, node, port, version } = pod;
  const versions = version === "" ? [] : [
    version,
    `release-${version}`,
    `release-${shortVersion(version)}`,
    shortVersion(version),
  ];
  return {
    lines: linesOf([
      podName(pod),
      `${app}/${podName(pod)}`,
      `${shortName(app, group)}/${instance}`,
      app,
      group,
      node,
      ip,
      addressText(ip, port),
      ...versions,
      ...containers.flatMap(({ id, info: { Image } }) => [
        id,
        id.slice(0, 12),
        `${node}/${id}`,
        Image,
      ]),
    ]),
    found: () => ({
      kind: "pod",
      name: podName(pod),
      link: podLink(pod),
      node,
      address: addressText(ip, port),
      status: statusOf(pod),
      statusText: (now) => statusText(pod, { now }),
    }),
  };
}

function portalCandidates(
  { addresses, app, ids, node, service }: Portal,
): Candidate[] {
  const name = `${service} for ${app}`;
  return addresses.map((address, i) => ({
    lines: linesOf([
      name,
      service,
      node,
      address,
      address.replace(/:\d+$/, ""),
      ids[i] ?? "",
    ]),
    found: () => ({
      kind: "portal",
      name,
      link: { path: ["node", node] },
      node,
      address,
      status: address === "" ? "bad" : "good",
      statusText: () => address === "" ? "no address" : "OK",
    }),
  }));
}

function statusIn(summary: Summary) {
  return {
    status: summary.status,
    statusText: (now?: number) => summaryText(summary, now),
  };
}

/** The page of a pod, wherever it runs. */
export function podLink({ app, group, instance }: Pod): Link {
  return { path: ["pod", app, group, String(instance)] };
}

/**
 * The query that may be meant by one that finds nothing: words that are nowhere
 * are replaced by similar names. Undefined when there are none.
 */
export function similarQuery(model: Model, query: string): string | undefined {
  const lines = Object.values(candidatesOf(model)).flat()
    .map(({ lines }) => lines);
  const words = wordsOf(query).map((word) => {
    if (lines.some((one) => one.includes(word))) return word;
    const [, base = word, instance = ""] = /^(.+?)(\/\d+)?$/.exec(word) ?? [];
    return (closestTo(base, namesOf(model)) ?? base) + instance;
  });
  const similar = words.join(" ");
  return search(model, similar, 1).length > 0 ? similar : undefined;
}

/** Names of things, each once. */
function namesOf({ apps, config, nodes, portals }: Model): Set<string> {
  const groups = [...apps.values()].flatMap(({ groups }) => groups);
  return new Set([
    ...apps.keys(),
    ...groups.flatMap(({ app, mountpoints, name }) => [
      name,
      shortName(app, name),
      name.slice(name.lastIndexOf(".") + 1),
      ...mountpoints.map((one) => one.replace(/\/+$/, "")),
    ]),
    ...nodes.keys(),
    ...portals.map(({ service }) => service),
    ...config.map(([name]) => name),
  ]);
}
