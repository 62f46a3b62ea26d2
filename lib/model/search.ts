/**
 * Search: by names, addresses, ids and images, for the command line and the
 * dashboard.
 *
 * @module
 */
import { memo } from "../memo.ts";
import { addressText, podName, sortNaturally } from "./format.ts";
import { type Status, statusOf, statusText } from "./health.ts";
import type { Link, Model, Pod } from "./mod.ts";
import {
  appSummary,
  groupSummary,
  nodeSummary,
  nodeText,
  type Summary,
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

/** What a search finds. */
export interface Found {
  readonly kind: typeof KINDS[number];
  readonly name: string;
  readonly link: Link;
  readonly node?: string;
  readonly address?: string;
  /** More about it: mount points, the app of a portal. */
  readonly detail?: string;
  readonly status?: Status;
  readonly statusText?: string;
  /** Whether a name or an address is the query itself. */
  readonly isExact: boolean;
}

/** Splits a query into words, each of which must match. */
function wordsOf(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter((word) => word !== "");
}

/** Whether each word of a query is in a text, in any case; an empty query matches all. */
export function matcher(query: string): (text: string) => boolean {
  const words = wordsOf(query);
  return (text) => {
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
}

/** What can be found, and the texts that a query is compared with; the first is its name. */
interface Candidate extends Omit<Found, "isExact"> {
  readonly texts: readonly string[];
}

/** A candidate with its texts as lines in lower case. */
interface Indexed {
  readonly candidate: Candidate;
  readonly lines: string;
}

const indexes = new WeakMap<Model, readonly Indexed[]>();

function indexOf(model: Model): readonly Indexed[] {
  return memo(indexes, model, () =>
    candidatesOf(model).map((candidate) => ({
      candidate,
      lines: candidate.texts.join("\n").toLowerCase(),
    })));
}

/**
 * Finds what matches a query; nothing for an empty one. In each kind exact
 * matches come first, then names that begin with the query.
 */
export function search(model: Model, query: string): Found[] {
  const wanted = wordsOf(query).join(" ");
  if (wanted === "") return [];
  const matches = matcher(query);
  const rank = (lines: string) =>
    `\n${lines}\n`.includes(`\n${wanted}\n`)
      ? 0
      : lines.startsWith(wanted)
      ? 1
      : 2;
  const found = indexOf(model).filter(({ lines }) => matches(lines))
    .map(({ candidate, lines }) => ({ ...candidate, rank: rank(lines) }));
  return sortNaturally(
    found,
    ({ kind, name, rank }) => `${KINDS.indexOf(kind)} ${rank} ${name}`,
  ).map(({ rank, texts: _, ...one }) => ({ ...one, isExact: rank === 0 }));
}

function candidatesOf(model: Model): Candidate[] {
  const apps = [...model.apps.values()];
  return [
    ...apps.map((app): Candidate => ({
      kind: "app",
      name: app.name,
      link: { path: ["app", app.name] },
      ...statusIn(appSummary(app)),
      texts: [app.name],
    })),
    ...apps.flatMap(({ groups }) => groups).map((group): Candidate => ({
      kind: "group",
      name: group.name,
      link: { path: ["app", group.app] },
      detail: group.mountpoints.join(", "),
      ...statusIn(groupSummary(group)),
      texts: [group.name, ...group.mountpoints],
    })),
    ...Array.from(model.nodes.values(), (node): Candidate => ({
      kind: "node",
      name: node.name,
      link: { path: ["node", node.name] },
      node: node.name,
      address: node.ip,
      status: nodeSummary(node).status,
      statusText: nodeText(node),
      texts: [node.name, node.ip],
    })),
    ...model.pods.map((pod): Candidate => ({
      kind: "pod",
      name: podName(pod),
      link: podLink(pod),
      node: pod.node,
      address: addressText(pod.ip, pod.port),
      status: statusOf(pod),
      statusText: statusText(pod),
      texts: [
        podName(pod),
        `${pod.group} ${pod.instance}`,
        pod.app,
        pod.group,
        pod.node,
        pod.ip,
        addressText(pod.ip, pod.port),
        ...pod.containers.flatMap(({ id, info }) => [id, info.Image]),
      ],
    })),
    ...model.portals.flatMap(({ addresses, app, node, service }) =>
      addresses.map((address): Candidate => ({
        kind: "portal",
        name: `${service} for ${app}`,
        link: { path: ["node", node] },
        node,
        address,
        texts: [
          `${service} for ${app}`,
          service,
          node,
          address,
          address.replace(/:\d+$/, ""),
        ],
      }))
    ),
    ...model.config.map(([name]): Candidate => ({
      kind: "config",
      name,
      link: { path: ["config"], params: { q: name } },
      texts: [name],
    })),
  ];
}

function statusIn({ status, text }: Summary) {
  return { status, statusText: text };
}

/** The page of a pod, wherever it runs. */
export function podLink({ app, group, instance }: Pod): Link {
  return { path: ["pod", app, group, String(instance)] };
}
