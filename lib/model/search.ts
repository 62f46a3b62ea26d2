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
  readonly kind: Kind;
  readonly lines: string;
  readonly found: () => Omit<Found, "kind" | "isExact">;
}

/** Candidates, of a kind in the order of the results, and their lines as one text, which is searched at once. */
interface Index {
  readonly candidates: readonly Candidate[];
  readonly text: string;
  /** Where the lines of each candidate begin in the text. */
  readonly starts: readonly number[];
}

/** What a query is compared with. */
interface Pattern {
  /** Each is a part of a line. */
  readonly words: readonly string[];
  /** Lines and beginnings of lines that are exact matches, with their line breaks. */
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
  const indexes = indexesOf(model);
  for (const pattern of patternsOf(query)) {
    const matches = indexes.flatMap((index) => matchesOf(index, pattern));
    if (matches.length > 0) return byKind(matches, limit);
  }
  return [];
}

/** The query as it is, then with less and less of its ports and URLs, then with paths as words. */
function* patternsOf(query: string): Generator<Pattern> {
  const words = wordsOf(query);
  if (words.length === 0) return;
  yield patternOf(words);
  const urls = query.toLowerCase().split(/\s+/)
    .filter((word) => SCHEME.test(word)).map(withoutScheme);
  const isUrl = (word: string) => urls.some((url) => url.startsWith(word));
  for (let left = words;;) {
    const less = left.map((word) => {
      const end = isUrl(word) ? word.lastIndexOf("/") : -1;
      return end > 0 ? word.slice(0, end) : word.replace(/:\d+$/, "");
    });
    if (less.every((word, i) => word === left[i])) break;
    yield patternOf(less);
    left = less;
  }
  const steps = words.flatMap((word) => word.split("/"))
    .filter((step) => step !== "");
  if (steps.length > words.length) yield patternOf(steps);
}

/** The beginning of a container's id, as tools print it. */
const ID = /^[\da-f]{12,}$/;

function patternOf(words: readonly string[]): Pattern {
  const wanted = words.join(" ");
  // The instance of a group: shop.web.web 2, shop.web.web.2, shop/shop.web.web/2.
  const name = wanted.replace(/^(\S+)[ ./](\d+)$/, "$1/$2")
    .replace(/^[^/]+\/(.+\/\d+)$/, "$1");
  // A container with its node, or the address of that.
  const id = wanted.replace(/^\S+\//, "");
  return {
    words,
    exact: [
      `\n${wanted}\n`,
      ...name === wanted ? [] : [`\n${name}\n`],
      ...ID.test(id) ? [`\n${id}`] : [],
    ],
  };
}

/** A candidate that matches. */
interface Match {
  readonly candidate: Candidate;
  /** 0: exactly; 1: its name begins with the query; 2: else. */
  readonly rank: 0 | 1 | 2;
}

/** What matches, in the order of the candidates. */
function matchesOf(index: Index, { exact, words }: Pattern): Match[] {
  const same = new Set(exact.flatMap((part) => [...having(index, part)]));
  // The rarest word is probably the longest.
  const [longest = "", ...others] = words
    .toSorted((a, b) => b.length - a.length);
  const start = `\n${words.join(" ")}`;
  const matches: Match[] = [];
  const add = (number: number, rank: Match["rank"]) => {
    const candidate = index.candidates[number];
    if (candidate !== undefined) matches.push({ candidate, rank });
  };
  for (const number of same) add(number, 0);
  for (const number of having(index, longest)) {
    const lines = index.candidates[number]?.lines ?? "";
    if (same.has(number) || !others.every((one) => lines.includes(one))) {
      continue;
    }
    add(number, lines.startsWith(start) ? 1 : 2);
  }
  return matches;
}

/** The numbers of the candidates whose lines have a part. */
function* having(
  { starts, text }: Index,
  part: string,
): Generator<number> {
  let number = 0;
  for (let at = text.indexOf(part); at >= 0;) {
    // A part may begin with the line break that candidates begin with.
    while ((starts[number + 1] ?? Infinity) <= at) number++;
    yield number;
    const next = starts[number + 1];
    if (next === undefined) return;
    at = text.indexOf(part, next);
  }
}

function byKind(matches: readonly Match[], limit: number): FoundKind[] {
  const kinds = Map.groupBy(matches, ({ candidate }) => candidate.kind);
  return KINDS.flatMap((kind) => {
    const all = kinds.get(kind);
    if (all === undefined) return [];
    const best = all.length > limit
      ? ([0, 1, 2] as const).flatMap((wanted) =>
        all.filter(({ rank }) => rank === wanted).slice(0, limit)
      ).slice(0, limit)
      : all.toSorted((a, b) => a.rank - b.rank);
    const found = best.map(({ candidate, rank }) => ({
      kind,
      ...candidate.found(),
      isExact: rank === 0,
    }));
    return [{ kind, count: all.length, found }];
  });
}

const indexes = new WeakMap<object, Index>();
const madeOf = new WeakMap<object, Candidate>();

/** That of the pods, which are most of it, stays while they do. */
function indexesOf(model: Model): Index[] {
  return [
    memo(indexes, model, () => indexOf(otherCandidates(model))),
    memo(indexes, model.pods, () => indexOf(model.pods.map(podCandidate))),
  ];
}

function indexOf(candidates: readonly Candidate[]): Index {
  let end = 0;
  return {
    candidates,
    text: candidates.map(({ lines }) => lines).join(""),
    starts: candidates.map(({ lines }) => (end += lines.length) - lines.length),
  };
}

/** All but pods. */
function otherCandidates(model: Model): Candidate[] {
  const apps = [...model.apps.values()];
  return [
    ...apps.map(appCandidate),
    ...apps.flatMap(({ groups }) => groups.map(groupCandidate)),
    ...Array.from(model.nodes.values(), nodeCandidate),
    ...model.portals.flatMap(portalCandidates),
    ...model.config.map(([name]): Candidate => ({
      kind: "config",
      lines: linesOf([name]),
      found: () => ({ name, link: { path: ["config"], params: { q: name } } }),
    })),
  ];
}

function linesOf(texts: readonly string[]): string {
  // Faster than joining a list.
  let lines = "\n";
  for (const text of texts) lines += `${text}\n`;
  return lines.toLowerCase();
}

function appCandidate(app: App): Candidate {
  const { name, versions } = app;
  return {
    kind: "app",
    lines: linesOf([name, ...versions]),
    found: () => ({
      name,
      link: { path: ["app", name] },
      ...statusIn(appSummary(app)),
    }),
  };
}

function groupCandidate(group: Group): Candidate {
  const { app, mountpoints, name } = group;
  return {
    kind: "group",
    lines: linesOf([
      name,
      `${app}/${name}`,
      shortName(app, name),
      ...mountpoints.map((one) => one.replace(/\/+$/, "")),
    ]),
    found: () => ({
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
    kind: "node",
    lines: linesOf([name, ip, key]),
    found: () => ({
      name,
      link: { path: ["node", name] },
      node: name,
      address: ip,
      ...statusIn(nodeSummary(node)),
    }),
  };
}

/** Of a pod that is the same in the next state, the candidate is, too. */
function podCandidate(pod: Pod): Candidate {
  return memo(madeOf, pod, () => newPodCandidate(pod));
}

function newPodCandidate(pod: Pod): Candidate {
  const { app, containers, group, instance, ip, node, port, version } = pod;
  return {
    kind: "pod",
    lines: linesOf([
      podName(pod),
      `${shortName(app, group)}/${instance}`,
      app,
      group,
      node,
      ip,
      addressText(ip, port),
      version,
      // As the table prints it.
      shortVersion(version),
      `release-${version}`,
      ...containers.map(({ id, info: { Image } }) => `${id}\n${Image}`),
    ]),
    found: () => ({
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
    kind: "portal",
    lines: linesOf([
      name,
      service,
      node,
      address,
      address.replace(/:\d+$/, ""),
      ids[i] ?? "",
    ]),
    found: () => ({
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
  const indexes = indexesOf(model);
  const words = wordsOf(query).map((word) => {
    if (indexes.some(({ text }) => text.includes(word))) return word;
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
