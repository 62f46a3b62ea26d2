import type { Random } from "../util/model.ts";
import type { Action, Story } from "./story.ts";

/** Faults of the next call that every store can have. */
const CALL_FAULTS = [
  "refused",
  "request lost",
  "response lost",
  "response late",
] as const;

/** A fault of a link, a member, the cluster, a lainlet or the wall clock, on any store. */
export function clusterFault(random: Random): Action {
  const [which, time] = [random.below(1_000), 500 + random.below(20_000)];
  const link = ({ world: { allLinks } }: Story) => {
    const found = allLinks[which % allLinks.length];
    if (found === undefined) throw new Error("there are no links");
    return found;
  };
  const member = ({ world: { members } }: Story) => {
    const found = members[which % members.length];
    if (found === undefined) throw new Error("there are no members");
    return found;
  };
  switch (random.below(17)) {
    case 0:
      return {
        text: "a connection is cut",
        perform: (story) => link(story).cut(),
      };
    case 1:
      return {
        text: `connections are refused for ${time} ms`,
        perform(story) {
          const one = link(story);
          one.isRefused = true;
          one.cut();
          setTimeout(() => one.isRefused = false, time);
        },
      };
    case 2:
      return {
        text: `a link is silent for ${time} ms`,
        perform(story) {
          const one = link(story);
          one.isSilent = true;
          setTimeout(() => one.isSilent = false, time);
        },
      };
    case 3: {
      const kind = random.pick(CALL_FAULTS);
      return {
        text: `fault of the next call on a link: ${kind}`,
        perform: (story) => void link(story).callFaults.push(kind),
      };
    }
    case 4: {
      const kinds = Array.from({ length: 4 }, () => random.pick(CALL_FAULTS));
      return {
        text: `faults of the next calls on a link: ${kinds.join(", ")}`,
        perform: (story) => void link(story).callFaults.push(...kinds),
      };
    }
    case 5:
    case 6: {
      const kind = random.pick(["change lost", "silent"] as const);
      return {
        text: kind === "change lost"
          ? "a watch loses its next change"
          : "the next watch on a link delivers nothing",
        perform: (story) => void link(story).watchFaults.push(kind),
      };
    }
    case 7:
      return {
        text: `a member is killed, and restarts after ${time} ms`,
        perform(story) {
          const one = member(story);
          story.world.setRunning(one, false);
          setTimeout(() => story.world.setRunning(one, true), time);
        },
      };
    case 8:
      return {
        text: `a member is paused for ${time} ms`,
        perform(story) {
          const links = story.world.linksTo(member(story));
          for (const link of links) link.isSilent = true;
          setTimeout(() => {
            for (const link of links) link.isSilent = false;
          }, time);
        },
      };
    case 9:
      return {
        text: `a member lags by ${time / 4} ms for ${time} ms`,
        perform(story) {
          const one = member(story);
          one.lag = time / 4;
          setTimeout(() => one.lag = 0, time);
        },
      };
    case 10:
      return {
        text: `a member is cut off from the others for ${time} ms`,
        perform(story) {
          const one = member(story);
          story.world.setQuorum(one, false);
          setTimeout(() => story.world.setQuorum(one, true), time);
        },
      };
    case 11:
      return {
        text: "another leader is elected",
        perform: ({ world }) => world.service.elect(),
      };
    case 12:
      return {
        text: "the history is compacted",
        perform: ({ world }) => world.service.compact(),
      };
    case 13:
      return {
        text: "a backup is made",
        perform: (story) => void (story.backup = story.world.keyspace.save()),
      };
    case 14: {
      const isSame = random.below(2) === 0;
      return {
        text: `the backup is restored as ${
          isSame ? "the same" : "another"
        } cluster`,
        perform({ world, backup }) {
          // Possibly no backup was made yet.
          if (backup !== undefined) world.replace(backup, isSame);
        },
      };
    }
    case 15:
      return {
        text: `a lainlet is stopped, and restarts after ${time} ms`,
        perform(story) {
          const one = story.lainlet(which);
          if (!one.isUp) return;
          one.stop();
          setTimeout(() => {
            if (!one.isUp) one.start();
          }, time);
        },
      };
    default: {
      const by = (random.below(2) === 0 ? 1 : -1) * random.below(3_600_000);
      return {
        text: `the wall clock is changed by ${by} ms`,
        perform: ({ time }) => time.setClock(by),
      };
    }
  }
}
