import { nodeKey, nodeValue } from "../../scripts/cluster.ts";
import type { Random } from "../util/model.ts";
import type { StoreName } from "./processes.ts";
import type { CallFault, Link } from "./network.ts";
import { NODES, type Operation, type Story } from "./story.ts";

type Fault = Omit<Operation, "after">;

/** A fault that some stores have; undefined: one that all have is due. */
export function storeFault(
  store: StoreName,
  random: Random,
  i: number,
): Fault | undefined {
  if (store === "etcd" || random.below(3) > 0) return undefined;
  const which = random.below(1_000);
  const link = ({ world: { allLinks } }: Story): Link => {
    const found = allLinks[which % allLinks.length];
    if (found === undefined) throw new Error("there are no links");
    return found;
  };
  switch (random.below(store === "etcd2" ? 5 : 6)) {
    case 0:
      return {
        text: "a connection is lost when the next answer is there",
        perform: (story) => void link(story).callFaults.push("last"),
      };
    case 1: {
      const before = random.below(6);
      const faults: CallFault[] = Array.from({ length: before }, () => "none");
      return {
        text: `a connection is lost when ${before + 1} answers are there`,
        perform: (story) => void link(story).callFaults.push(...faults, "last"),
      };
    }
    case 2:
      return burst(random, i);
    case 3:
      return {
        text: "everything is lost",
        perform: ({ world }) => world.replace(undefined, false),
      };
    case 4:
      return store === "etcd2"
        ? random.below(2) === 0 ? removal(random) : {
          text: "the next polls are ended at once",
          perform: (story) => {
            link(story).watchFaults.push(...new Array(20).fill("ended"));
          },
        }
        : {
          text: "a session expires",
          perform: (story) => story.world.service.expire?.(link(story)),
        };
    default:
      return {
        text: "the next request is of a session that has moved",
        perform: (story) => void link(story).callFaults.push("moved"),
      };
  }
}

/** Writes the same keys over and over. */
function burst(random: Random, i: number): Fault {
  const [count, pause] = [5 + random.below(20), 1 + random.below(10)];
  return {
    text: `two nodes are written ${count} times, each ${pause} ms`,
    async perform(story) {
      for (let k = 0; k < count; k++) {
        await story.write({
          [nodeKey(NODES[0])]: nodeValue(NODES[0], 1_000 * i + k),
          [nodeKey(NODES[1])]: nodeValue(NODES[1], 1_000 * i + k),
        });
        await story.pass(pause);
      }
    },
  };
}

/** Removes a directory with all that is in it. */
function removal(random: Random): Fault {
  const directory = random.pick([
    "/lain/deployd/pod_groups/a",
    "/lain/deployd/pod_groups",
    "/lain/config/super_apps",
    "/lain/config",
  ]);
  return {
    text: `${directory} is removed`,
    perform: ({ world }) => world.remove(directory),
  };
}
