import { nodeKey, nodeValue } from "../../scripts/cluster.ts";
import type { Random } from "../util/model.ts";
import type { StoreName } from "./processes.ts";
import type { CallFault, Link } from "./network.ts";
import { LOCAL, QUESTIONS } from "./questions.ts";
import { NODES, type Operation, type Story } from "./story.ts";

type Fault = Omit<Operation, "after">;

const NODES_QUESTION = QUESTIONS.findIndex(({ path, peer }) =>
  path === "/v2/nodes" && peer === LOCAL
);

/** A fault of this store only; undefined: choose a fault of all stores. */
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
  switch (random.below(store === "etcd2" ? 5 : 7)) {
    case 0:
      return {
        text: "a connection is lost right after its next response",
        perform: (story) => void link(story).callFaults.push("last"),
      };
    case 1: {
      const before = random.below(4);
      const faults: CallFault[] = Array.from({ length: before }, () => "none");
      return {
        text: `a connection is cut, and the next one after response ${
          before + 1
        }`,
        perform(story) {
          const one = link(story);
          one.callFaults = [...faults, "last"];
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
        text: "the next request gets the error that its session has moved",
        perform: (story) => void link(story).callFaults.push("moved"),
      };
  }
}

/** Writes the same keys again and again, and requests them after each write. */
function burst(random: Random, i: number): Fault {
  const [count, pause] = [5 + random.below(20), 1 + random.below(10)];
  const both = random.below(count);
  return {
    text: `put a node ${count} times, every ${pause} ms, ` +
      `the first ${both} times together with another node`,
    async perform(story) {
      for (let k = 0; k < count; k++) {
        const nodes = k < both ? NODES : NODES.slice(0, 1);
        const entries = nodes.map((node) =>
          [nodeKey(node), nodeValue(node, 1_000 * i + k)] as const
        );
        await story.write(Object.fromEntries(entries));
        // Checks the revision of a response amid the writes.
        for (const lainlet of story.world.lainlets) {
          story.ask(lainlet, NODES_QUESTION, 0);
        }
        await story.pass(pause);
      }
    },
  };
}

/** Cuts the leader off from the others; lainlets reconnect to it before it notices. */
function deposition(random: Random): Fault {
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
