import { writeState } from "../../lib/store/saved/write.ts";
import { nodeKey, nodeValue } from "../../scripts/cluster.ts";
import type { Random } from "../util/model.ts";
import type { SimulatedLainlet } from "./lainlet.ts";
import { STATE } from "./lainlet.ts";
import type { Action, Story } from "./story.ts";

/** The identity of another cluster. */
const OTHER_CLUSTER = {
  kind: "etcd",
  endpoints: ["http://elsewhere:2379"],
  cluster: "9",
};

/** A fault of a disk or of the saved state on it. */
export function diskFault(random: Random): Action {
  const [which, time] = [random.below(10), 500 + random.below(20_000)];
  const node = (story: Story) => story.lainlet(which);
  switch (random.below(9)) {
    case 0:
    case 1:
      return {
        text: `a node loses power for ${time} ms`,
        perform: (story) => restart(story, node(story), "crash", time),
      };
    case 2:
      return {
        text: `a lainlet is killed, and restarts after ${time} ms`,
        perform: (story) => restart(story, node(story), "kill", time),
      };
    case 3:
      return {
        text: `a node restarts, and does not reach the store for ${time} ms`,
        perform: (story) => restartWithoutStore(story, node(story), time),
      };
    case 4:
      return {
        text: `a disk is full for ${time} ms`,
        perform(story) {
          const { disk } = node(story);
          if (disk === undefined) return;
          disk.isFull = true;
          setTimeout(() => disk.isFull = false, time);
        },
      };
    case 5:
      return {
        text: `some operations of a disk fail for ${time} ms`,
        perform(story) {
          const { disk } = node(story);
          if (disk === undefined) return;
          disk.isFailing = true;
          setTimeout(() => disk.isFailing = false, time);
        },
      };
    case 6: {
      const delay = random.below(3_000);
      return {
        text: `each operation of a disk takes ${delay} ms, for ${time} ms`,
        perform(story) {
          const { disk } = node(story);
          if (disk === undefined) return;
          disk.delay = delay;
          setTimeout(() => disk.delay = 0, time);
        },
      };
    }
    case 7: {
      const how = random.pick(["a byte", "its end"] as const);
      const restarts = random.below(3) > 0;
      return {
        text: restarts
          ? `a node restarts with a damaged saved state (${how})`
          : `a saved state is damaged (${how})`,
        perform(story) {
          node(story).disk?.damage(STATE, how);
          if (restarts) restartWithoutStore(story, node(story), time);
        },
      };
    }
    default:
      return {
        text: "a node restarts with the saved state of another cluster",
        async perform(story) {
          const one = node(story);
          one.disk?.put(STATE, await stateOfOtherCluster(one));
          restartWithoutStore(story, one, time);
        },
      };
  }
}

/** Restarts a node that then does not reach the store for a while. */
function restartWithoutStore(
  story: Story,
  lainlet: SimulatedLainlet,
  time: number,
): void {
  for (const link of lainlet.links) {
    link.isRefused = true;
    link.cut();
    setTimeout(() => link.isRefused = false, time);
  }
  restart(story, lainlet, "crash", 500);
}

/** Kills a lainlet or crashes its node, and restarts it after a while. */
function restart(
  story: Story,
  lainlet: SimulatedLainlet,
  how: "crash" | "kill",
  after: number,
): void {
  if (!lainlet.isUp) return;
  lainlet.kill(how);
  story.checkSavedState(lainlet);
  setTimeout(() => lainlet.start(), after);
}

/** A saved state that a lainlet of another cluster wrote. */
async function stateOfOtherCluster(
  { inspected }: SimulatedLainlet,
): Promise<Uint8Array<ArrayBuffer>> {
  const node = { name: "stranger", ip: "192.168.99.99" };
  const entry = {
    key: nodeKey(node),
    value: new TextEncoder().encode(nodeValue(node)),
    revision: 5,
  };
  const prefix = "/lain/nodes/nodes/";
  await writeState(
    inspected.path(STATE),
    OTHER_CLUSTER,
    new Map([[prefix, {
      section: { prefix, revision: 5, at: Date.now() },
      isComplete: true,
      changes: new Map([[entry.key, entry]]),
    }]]),
    false,
  );
  return inspected.read(STATE) ?? new Uint8Array();
}
