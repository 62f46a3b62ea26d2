import type { Data } from "../../client/client.ts";
import { statusOf, troublesOf } from "../../client/trouble.ts";
import { groupsOf, membersOf, nodeOf } from "./cluster.ts";
import { cell, type Listing, listing, natural } from "./listing.ts";
import { addressOf, podName } from "./pods.ts";

/** What can be found, in the order in which it is told. */
const KINDS = ["app", "node", "pod", "portal", "config"] as const;

interface Thing {
  readonly kind: typeof KINDS[number];
  readonly name: string;
  readonly node?: string;
  readonly address?: string;
  readonly status?: string;
  readonly isWell?: boolean;
  /** By what it is found, besides. */
  readonly words?: readonly string[];
}

/**
 * What has an address, or a name: what is called so when there is that, else
 * what has it as a part of its name.
 */
export function find(text: string): Listing {
  const word = text.toLowerCase();
  return listing("overview", {}, [
    { title: "KIND" },
    { title: "NAME", least: 24, cut: "middle" },
    { title: "NODE", least: 12 },
    { title: "ADDRESS", least: 21 },
    { title: "STATUS", least: 12 },
  ], (overview) => {
    const all = everything(overview).map((thing) => ({
      thing,
      words: [thing.name, thing.address ?? "", ...thing.words ?? []]
        .map((word) => word.toLowerCase()),
    }));
    const named = all.filter(({ words }) => words.includes(word));
    const found = named.length > 0
      ? named
      : all.filter(({ words }) => words.some((one) => one.includes(word)));
    return found.map(({ thing }) => thing).sort(inKindsOrder).map((thing) => {
      const { kind, name, node, address, status, isWell = true } = thing;
      return {
        name: `${kind}/${name}`,
        value: { kind, name, node, address, status },
        cells: [
          cell(kind),
          cell(name),
          cell(node),
          cell(address),
          cell(status, isWell ? "good" : "bad"),
        ],
        isWell,
      };
    });
  });
}

function inKindsOrder(a: Thing, b: Thing): number {
  return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
    natural(a.name, b.name);
}

function everything(overview: Data<"overview">): Thing[] {
  const groups = groupsOf(overview);
  return [
    ...[...new Set(groups.map(({ app }) => app))]
      .map((name) => ({ kind: "app" as const, name })),
    ...membersOf(overview, "node").map(([key]) => {
      const { name, ip } = nodeOf(key);
      return { kind: "node" as const, name, node: name, address: ip };
    }),
    ...groups.flatMap(({ app, name: group, pods }) =>
      pods.map((pod) => ({
        kind: "pod" as const,
        name: podName(pod),
        node: pod.node,
        address: addressOf(pod),
        status: statusOf(pod),
        isWell: troublesOf(pod).length === 0,
        words: [app, group, pod.address, pod.containerId],
      }))
    ),
    ...membersOf(overview, "depends").flatMap(([service, value]) =>
      Object.entries(value).flatMap(([node, apps]) =>
        Object.entries(apps).flatMap(([app, { Containers }]) =>
          Containers.map(({ IP, Port, ContainerID }) => ({
            kind: "portal" as const,
            name: `${service} for ${app}`,
            node,
            address: IP && `${IP}:${Port}`,
            words: [service, IP, ContainerID],
          }))
        )
      )
    ),
    ...membersOf(overview, "config")
      .map(([name]) => ({ kind: "config" as const, name })),
  ];
}
