import { nodeKey, type NodeSpec, nodeValue } from "../../scripts/cluster.ts";
import type { Random } from "../util/model.ts";
import { STATE } from "./lainlet.ts";
import type { Link } from "./network.ts";
import type { StoreName } from "./processes.ts";
import { HTTP_QUESTIONS, LOCAL } from "./questions.ts";
import { NODES, type Operation, type Story } from "./story.ts";

type Fault = Omit<Operation, "after">;

/** What is asked for in these faults: the nodes, which are written. */
const QUESTION = HTTP_QUESTIONS.findIndex(({ path, peer }) =>
  path === "/v2/nodes" && peer === LOCAL
);
/** How `Story.ask` asks for a state that is proven: `fresh=1`. */
const PROVEN = 1;

/** Nodes that are there for a moment. */
const SPARE: readonly NodeSpec[] = [1, 2, 3].map((i) => ({
  name: `spare${i}`,
  ip: `192.168.77.4${i}`,
}));

/** Faults that do harm in one moment only, which is made to come. */
export function worstMoments(
  store: StoreName,
  disk: boolean,
): ((random: Random, i: number) => Fault)[] {
  switch (store) {
    case "etcd":
      return disk ? [replacedUnseen] : [];
    case "etcd2":
      return [lateEvent, pauseInAnswer];
    case "zookeeper":
      return [writesInEachRound];
  }
}

/** All watches begin anew while the store cannot be reached, and then it is an older one. */
function replacedUnseen(random: Random, i: number): Fault {
  const which = random.below(10);
  return {
    text: "a saved state loses a byte while the node reaches no store, " +
      "and meanwhile an older backup is restored as another cluster",
    async perform(story) {
      const { disk, links } = story.lainlet(which);
      const backup = story.world.keyspace.save();
      for (let k = 0; k < 3; k++) {
        await writeNodes(story, [NODES[0]], 1_000 * i + k);
        await story.pass(60);
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

/** While one connection resends what was lost, the others go on. */
function lateEvent(random: Random, i: number): Fault {
  const which = random.below(10);
  return {
    text: "a node is written, its event comes 5 s late, " +
      "and the nodes are asked for, proven",
    async perform(story) {
      for (const link of story.lainlet(which).links) {
        link.eventsLateUntil = performance.now() + 100;
      }
      await writeNodes(story, [NODES[0]], 1_000 * i);
      await story.pass(50);
      story.ask(story.lainlet(which), QUESTION, PROVEN);
    },
  };
}

/** A check has read how much there is, and a poll that has not told all of it has its headers. */
function pauseInAnswer(random: Random, i: number): Fault {
  const which = random.below(10);
  return {
    text:
      "a node is written 20 times over a slow link, and asked for, proven; " +
      "between the headers of a poll and its event, the member is paused",
    async perform(story) {
      const lainlet = story.lainlet(which);
      slowDown(lainlet.links, 100, 10_000);
      for (let k = 0; k < 20; k++) {
        await writeNodes(story, [NODES[0]], 1_000 * i + k);
        await story.pass(2);
      }
      story.ask(lainlet, QUESTION, PROVEN);
      await story.pass(250);
      for (const link of lainlet.links) link.pauseInPoll = 2_500;
    },
  };
}

/**
 * Rounds of reads find no quiet moment, and take long, as several keys are
 * read; the last write of one of them comes in any round.
 */
function writesInEachRound(random: Random, i: number): Fault {
  const [which, last] = [random.below(10), 5 + random.below(6)];
  return {
    text: "over a slow link, three nodes are written 12 times, and " +
      `another one ${last} times; then they are asked for, proven`,
    async perform(story) {
      slowDown(story.lainlet(which).links, 40, 2_000);
      for (let k = 0; k < 12; k++) {
        const nodes = k < last ? [...SPARE, NODES[0]] : SPARE;
        await writeNodes(story, nodes, 1_000 * i + k);
        await story.pass(60);
      }
      story.ask(story.lainlet(which), QUESTION, PROVEN);
      const gone = SPARE.map((node) => [nodeKey(node), null]);
      await story.write(Object.fromEntries(gone));
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
