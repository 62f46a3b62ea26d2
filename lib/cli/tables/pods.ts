import { statusOf, troublesOf } from "../../client/trouble.ts";
import { groupsOf, type Pod } from "./cluster.ts";
import {
  age,
  type Cell,
  cell,
  inOrder,
  type Listing,
  listing,
  type Row,
  shortVersion,
} from "./listing.ts";

/** The pods of an app; "": of all. */
export function pods(app: string): Listing {
  return listing("overview", {}, [
    { title: "POD", least: 24, cut: "middle" },
    { title: "NODE", least: 12 },
    { title: "ADDRESS" },
    { title: "STATUS", least: 16 },
    { title: "RESTARTS", align: "right" },
    { title: "UPDATED", align: "right", spare: 3 },
    { title: "VERSION", spare: 1, least: 18 },
    { title: "ERROR", spare: 2, least: 20 },
    { title: "CONTAINER", isWide: true },
  ], (overview) =>
    inOrder(
      groupsOf(overview).filter((group) => app === "" || group.app === app)
        .flatMap(({ pods }) => pods.map(rowOf)),
    ));
}

function rowOf(pod: Pod): Row {
  const name = podName(pod);
  const { node, restarts, version, error, containerId } = pod;
  return {
    name,
    value: { ...pod },
    cells: [
      cell(name),
      cell(node),
      cell(addressOf(pod)),
      statusCell(pod),
      restarts === undefined || restarts === 0
        ? cell(restarts)
        : cell(restarts, "bad"),
      cell(age(pod.updated)),
      cell(shortVersion(version)),
      cell(error),
      cell(containerId),
    ],
    isWell: troublesOf(pod).length === 0,
  };
}

/** `shop.web.web/1` */
export function podName({ group, instance }: Pod): string {
  return `${group}/${instance}`;
}

/** Where a pod is reached; "" while it has no address. */
export function addressOf({ address, port }: Pod): string {
  return address === "" || port === 0 ? address : `${address}:${port}`;
}

/** How a pod is. */
export function statusCell(pod: Pod): Cell {
  return cell(statusOf(pod), troublesOf(pod).length > 0 ? "bad" : "good");
}
