import { nodeKey, nodeValue } from "../../scripts/cluster.ts";
import type { Random } from "../util/model.ts";
import type { CallFault, Link } from "./network.ts";
import type { StoreName } from "./processes.ts";
import { NODES_REQUEST } from "./requests.ts";
import { type Action, NODES, type Story } from "./story.ts";

/** Chooses a fault of this store only; undefined: one that every store can have is to be chosen. */
export function storeFault(
  store: StoreName,
  random: Random,
  i: number,
): Action | undefined {
  if (store === "etcd" || random.below(3) > 0) return undefined;
  const which = random.below(1_000);
  const link = ({ world: { allLinks } }: Story): Link => {
    const found = allLinks[which % allLinks.length];
    if (found === undefined) throw new Error("there are no links");
    return found;
  };
  switch (random.below(store === "etcd2" ? 5 : 7)) {
    case 0:
      return {
        text: "a connection is cut right after its next response",
        perform: (story) =>
          void link(story).callFaults.push("cut after response"),
      };
    case 1: {
      const before = random.below(4);
      const faults: CallFault[] = Array.from({ length: before }, () => "none");
      return {
        text: `a connection is cut, and the next one right after response ${
          before + 1
        }`,
        perform(story) {
          const one = link(story);
          one.callFaults = [...faults, "cut after response"];
          one.cut();
        },
      };
    }
    case 2:
      return burst(random, i);
    case 3:
      return {
        text: "the store loses all data",
        perform: ({ world }) => world.replace(undefined, false),
      };
    case 4:
      return store === "etcd2"
        ? random.below(2) === 0 ? removal(random) : {
          text: `polls end at once for ${20 * which} ms`,
          perform(story) {
            const one = link(story);
            one.pollsEndUntil = performance.now() + 20 * which;
            one.pollsEnded = 0;
          },
        }
        : {
          text: "a session expires",
          perform: (story) => story.world.service.expire?.(link(story)),
        };
    case 5:
      return deposition(random);
    default:
      return {
        text: "the next response on a link: the session has moved",
        perform: (story) => void link(story).callFaults.push("session moved"),
      };
  }
}

/** Writes the same keys many times, and requests them after each write. */
function burst(random: Random, i: number): Action {
  const [count, pause] = [5 + random.below(20), 1 + random.below(10)];
  const withBoth = random.below(count);
  return {
    text: `put a node ${count} times, every ${pause} ms, ` +
      `the first ${withBoth} times together with another node`,
    async perform(story) {
      for (let k = 0; k < count; k++) {
        const nodes = k < withBoth ? NODES : NODES.slice(0, 1);
        const entries = nodes.map((node) =>
          [nodeKey(node), nodeValue(node, 1_000 * i + k)] as const
        );
        await story.write(Object.fromEntries(entries));
        // The response checks its revision between two writes.
        for (const lainlet of story.world.lainlets) {
          story.sendGet(lainlet, NODES_REQUEST, "default");
        }
        await story.wait(pause);
      }
    },
  };
}

/** Cuts the leader off from the others; lainlets reconnect to it before it notices. */
function deposition(random: Random): Action {
  const [pause, time] = [500 + random.below(2_000), random.below(15_000)];
  return {
    text: `the leader is cut off from the others for ${time} ms, ` +
      `and all connections are cut every ${pause} ms`,
    perform({ world }) {
      const { leader } = world.service;
      if (leader === undefined) return;
      world.setQuorum(leader, false);
      setTimeout(() => world.setQuorum(leader, true), time);
      for (let after = pause; after < time; after += pause) {
        setTimeout(() => {
          for (const link of world.allLinks) link.cut();
        }, after);
      }
    },
  };
}

/** Removes a directory with everything in it. */
function removal(random: Random): Action {
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
