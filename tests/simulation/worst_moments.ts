import { nodeKey, nodeValue } from "../../scripts/cluster.ts";
import type { Random } from "../util/model.ts";
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

/** Faults that do harm in one moment only, which is made to come. */
export function worstMoments(
  store: StoreName,
): ((random: Random, i: number) => Fault)[] {
  switch (store) {
    case "etcd":
      return [];
    case "etcd2":
      return [lateEvent, pauseInAnswer];
    case "zookeeper":
      return [writesInEachRound];
  }
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
      await writeNode(story, i, 0);
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
        await writeNode(story, i, k);
        await story.pass(2);
      }
      story.ask(lainlet, QUESTION, PROVEN);
      await story.pass(250);
      for (const link of lainlet.links) link.pauseInPoll = 2_500;
    },
  };
}

/** Rounds of reads find no quiet moment; the last write of one key comes in any of them. */
function writesInEachRound(random: Random, i: number): Fault {
  const [which, both] = [random.below(10), 5 + random.below(10)];
  return {
    text: "a node is written 15 times over a slow link, and " +
      `for ${both} times another one with it; then they are asked for, proven`,
    async perform(story) {
      slowDown(story.lainlet(which).links, 40, 3_000);
      for (let k = 0; k < 15; k++) {
        await writeNode(story, i, k, k < both);
        await story.pass(60);
      }
      story.ask(story.lainlet(which), QUESTION, PROVEN);
    },
  };
}

async function writeNode(
  story: Story,
  i: number,
  k: number,
  isBoth = false,
): Promise<void> {
  const nodes = isBoth ? NODES : NODES.slice(0, 1);
  await story.write(Object.fromEntries(
    nodes.map((node) => [nodeKey(node), nodeValue(node, 1_000 * i + k)]),
  ));
}

function slowDown(links: readonly Link[], latency: number, time: number): void {
  for (const link of links) {
    link.latency = latency;
    setTimeout(() => link.latency = 0, time);
  }
}
