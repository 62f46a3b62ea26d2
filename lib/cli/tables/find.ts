import type { Data } from "../../client/client.ts";
import { modelOf } from "../../model/mod.ts";
import { sortNaturally } from "../../model/natural.ts";
import { healthOf as healthOfApp } from "./apps.ts";
import { type Cell, cell, type Listing, listing, NOTHING } from "./listing.ts";
import { healthOf as healthOfNode } from "./nodes.ts";
import { addressOf, statusCell } from "./pods.ts";

/** What can be found, in the order in which it is told. */
const KINDS = ["app", "node", "pod", "portal", "config"] as const;

interface Thing {
  readonly kind: typeof KINDS[number];
  readonly name: string;
  readonly node?: string;
  readonly address?: string;
  readonly status?: Cell;
  readonly isWell?: boolean;
  /** By what it is found, besides. */
  readonly words?: readonly string[];
}

/**
 * What has an address, or a name: what is called so when there is that, else
 * what has it as a part of its name. With a node comes what is there.
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
    return found.map(({ thing }) => thing).map((thing) => {
      const { kind, name, node, address, status, isWell = true } = thing;
      const word = typeof status === "object" ? status.text : status;
      return {
        name: `${kind}/${name}`,
        value: { kind, name, node, address, status: word },
        cells: [
          cell(kind),
          cell(name),
          cell(node),
          cell(address),
          status ?? NOTHING,
        ],
        isWell,
      };
    });
  });
}

/** All that can be found, in the order of the kinds, and then as people count. */
function everything(overview: Data<"overview">): Thing[] {
  const { apps, nodes, pods, portals, config } = modelOf(overview);
  const found: Thing[] = [
    ...Array.from(apps.values(), (app) => {
      const { status, trouble: { length } } = healthOfApp(app);
      const { name } = app;
      return { kind: "app" as const, name, status, isWell: length === 0 };
    }),
    ...Array.from(nodes.values(), (node) => {
      const { faults: { length }, status } = healthOfNode(node);
      const { ip: address, name } = node;
      const isWell = length === 0;
      return {
        kind: "node" as const,
        name,
        node: name,
        address,
        status,
        isWell,
      };
    }),
    ...pods.map((pod) => ({
      kind: "pod" as const,
      name: `${pod.group}/${pod.instance}`,
      node: pod.node,
      address: addressOf(pod.ip, pod.port),
      status: statusCell(pod),
      isWell: pod.problems.length === 0,
      words: [
        pod.app,
        pod.group,
        pod.node,
        pod.ip,
        ...pod.containers.map(({ id }) => id),
      ],
    })),
    ...portals.flatMap(({ service, node, app, addresses }) =>
      addresses.map((address) => ({
        kind: "portal" as const,
        name: `${service} for ${app}`,
        node,
        address,
        words: [service, node, address.replace(/:\d+$/, "")],
      }))
    ),
    ...config.map(([name]) => ({ kind: "config" as const, name })),
  ];
  return sortNaturally(
    found,
    ({ kind, name }) => `${KINDS.indexOf(kind)} ${name}`,
  );
}
