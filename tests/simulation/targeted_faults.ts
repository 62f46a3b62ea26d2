import { nodeKey, type NodeSpec, nodeValue } from "../../scripts/cluster.ts";
import type { Random } from "../util/model.ts";
import { STATE } from "./lainlet.ts";
import type { Link } from "./network.ts";
import type { StoreName } from "./processes.ts";
import { NODES_REQUEST } from "./requests.ts";
import { type Action, NODES, type Story } from "./story.ts";

/** Nodes that exist during one action only. */
const TEMPORARY: readonly NodeSpec[] = [1, 2, 3].map((i) => ({
  name: `spare${i}`,
  ip: `192.168.77.4${i}`,
}));

/**
 * Faults that do harm in one moment only, each with the operations that lead to
 * that moment: at random times they would hardly ever hit it.
 *
 * @param disk whether the state is saved
 */
export function targetedFaults(
  store: StoreName,
  disk: boolean,
): ((random: Random, i: number) => Action)[] {
  switch (store) {
    case "etcd":
      return disk ? [restoreWhileUnreachable] : [];
    case "etcd2":
      return [lateEvent, pauseInPoll];
    case "zookeeper":
      return [writesInEachRound];
  }
}

/** All watches begin anew while the store is unreachable; when it is reachable again, it has an older state. */
function restoreWhileUnreachable(random: Random, i: number): Action {
  const which = random.below(10);
  return {
    text: "a byte of a saved state changes while the node reaches no member, " +
      "and meanwhile an older backup is restored as another cluster",
    async perform(story) {
      const { disk, links } = story.lainlet(which);
      const backup = story.world.keyspace.save();
      for (let k = 0; k < 3; k++) {
        await writeNodes(story, [NODES[0]], 1_000 * i + k);
        await story.wait(60);
      }
      for (const link of links) {
        link.isRefused = true;
        setTimeout(() => link.isRefused = false, 8_000);
      }
      disk?.damage(STATE, "a byte");
      story.world.replace(backup, false);
    },
  };
}

/** One connection retransmits a lost event, while the other connections deliver at once. */
function lateEvent(random: Random, i: number): Action {
  const which = random.below(10);
  return {
    text: "put a node, whose event comes 5 s late, " +
      "and GET the nodes with fresh=1",
    async perform(story) {
      for (const link of story.lainlet(which).links) {
        link.eventsLateUntil = performance.now() + 100;
      }
      await writeNodes(story, [NODES[0]], 1_000 * i);
      await story.wait(50);
      story.sendGet(story.lainlet(which), NODES_REQUEST, "fresh");
    },
  };
}

/** A check has read the store's index, and a poll has delivered its headers, but not yet an event up to that index. */
function pauseInPoll(random: Random, i: number): Action {
  const which = random.below(10);
  return {
    text: "put a node 20 times, over a slow link, and GET it with fresh=1; " +
      "the member pauses between the headers of a poll and its event",
    async perform(story) {
      const lainlet = story.lainlet(which);
      slowDown(lainlet.links, 100, 10_000);
      for (let k = 0; k < 20; k++) {
        await writeNodes(story, [NODES[0]], 1_000 * i + k);
        await story.wait(2);
      }
      story.sendGet(lainlet, NODES_REQUEST, "fresh");
      await story.wait(250);
      for (const link of lainlet.links) link.pauseInPoll = 2_500;
    },
  };
}

/**
 * In each round of reads something is written, and a round takes long, as it
 * reads several keys; the last write of one key comes in any round.
 */
function writesInEachRound(random: Random, i: number): Action {
  const [which, last] = [random.below(10), 5 + random.below(6)];
  return {
    text: "put three nodes 12 times, over a slow link, and another one " +
      `${last} times; then GET the nodes with fresh=1`,
    async perform(story) {
      slowDown(story.lainlet(which).links, 40, 2_000);
      for (let k = 0; k < 12; k++) {
        const nodes = k < last ? [...TEMPORARY, NODES[0]] : TEMPORARY;
        await writeNodes(story, nodes, 1_000 * i + k);
        await story.wait(60);
      }
      story.sendGet(story.lainlet(which), NODES_REQUEST, "fresh");
      const deletions = TEMPORARY.map((node) => [nodeKey(node), null]);
      await story.write(Object.fromEntries(deletions));
    },
  };
}

async function writeNodes(
  story: Story,
  nodes: readonly NodeSpec[],
  cpus: number,
): Promise<void> {
  const entries = nodes.map((node) => [nodeKey(node), nodeValue(node, cpus)]);
  await story.write(Object.fromEntries(entries));
}

function slowDown(links: readonly Link[], latency: number, time: number): void {
  for (const link of links) {
    link.latency = latency;
    setTimeout(() => link.latency = 0, time);
  }
}
