import { writeState } from "../../lib/store/saved/write.ts";
import { nodeKey, nodeValue } from "../../scripts/cluster.ts";
import type { Random } from "../util/model.ts";
import type { SimulatedLainlet } from "./lainlet.ts";
import { STATE } from "./lainlet.ts";
import type { Operation, Story } from "./story.ts";

/** The state of a cluster that is not this one. */
const FOREIGN = {
  kind: "etcd",
  endpoints: ["http://elsewhere:2379"],
  cluster: "9",
};

/** Something that happens to a disk, or to what is on it. */
export function diskFault(random: Random): Omit<Operation, "after"> {
  const [which, time] = [random.below(10), 500 + random.below(20_000)];
  const node = (story: Story) => story.lainlet(which);
  switch (random.below(9)) {
    case 0:
    case 1:
      return {
        text: `the power of a node fails for ${time} ms`,
        perform: (story) => restart(story, node(story), "crash", time),
      };
    case 2:
      return {
        text: `a lainlet is killed, and starts again after ${time} ms`,
        perform: (story) => restart(story, node(story), "kill", time),
      };
    case 3:
      return {
        text: `a node starts again, and for ${time} ms reaches no store`,
        perform: (story) => restartAlone(story, node(story), time),
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
        text: `a disk fails now and then for ${time} ms`,
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
        text: `a disk takes ${delay} ms for everything, for ${time} ms`,
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
      const isRead = random.below(3) > 0;
      return {
        text: isRead
          ? `a node starts again with a saved state that has lost ${how}`
          : `a saved state loses ${how}`,
        perform(story) {
          node(story).disk?.damage(STATE, how);
          if (isRead) restartAlone(story, node(story), time);
        },
      };
    }
    default:
      return {
        text: "a node starts again with the saved state of another cluster",
        async perform(story) {
          const one = node(story);
          one.disk?.put(STATE, await foreignState(one));
          restartAlone(story, one, time);
        },
      };
  }
}

/** Starts a node again; for a while it reaches no store. */
function restartAlone(
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

/** Ends a lainlet without warning, and starts it again after a while. */
function restart(
  story: Story,
  lainlet: SimulatedLainlet,
  how: "crash" | "kill",
  after: number,
): void {
  if (!lainlet.isUp) return;
  lainlet.kill(how);
  story.checkFile(lainlet);
  setTimeout(() => lainlet.start(), after);
}

/** A file that a lainlet of another cluster wrote. */
async function foreignState(
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
    FOREIGN,
    new Map([[prefix, {
      section: { prefix, revision: 5, at: Date.now() },
      isComplete: true,
      changes: new Map([[entry.key, entry]]),
    }]]),
    false,
  );
  return inspected.read(STATE) ?? new Uint8Array();
}
